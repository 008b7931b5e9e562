"""``embeddings``: vectors of the text of files, pages and recordings."""
