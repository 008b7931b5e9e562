"""OCR results in the forms of other programs: hOCR, ALTO, searchable PDF."""
