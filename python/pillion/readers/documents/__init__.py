"""Reading the text of documents: ``table`` says which reader takes which type."""
