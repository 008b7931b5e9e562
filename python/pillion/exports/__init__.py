"""Results in the forms of others: plain text, hOCR, ALTO, searchable PDF, SRT and WebVTT. Pure, but for the PDF."""
