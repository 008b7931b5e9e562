"""``text``: the text of files that hold text: text files, documents, books, e-mail."""
