"""``thumb``: thumbnails of pictures, PDFs and videos."""
