"""PDFs by PDFium: pages as pixels, their text, and writing text layers."""
