"""Reading the text of documents: ``table`` maps each type to its reader."""
