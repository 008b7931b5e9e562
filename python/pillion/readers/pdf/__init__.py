"""Reading PDFs with PDFium: pages as pixels, their text, and text layers to write."""
