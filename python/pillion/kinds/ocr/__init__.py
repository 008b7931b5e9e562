"""``ocr``: the text of pictures and PDFs."""
