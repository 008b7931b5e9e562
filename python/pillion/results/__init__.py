"""What generators answer: the text of a picture (``ocr``), of sound (``transcript``), of a document (``documents``)."""
