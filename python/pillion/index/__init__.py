"""Finding files and deciding what they should have: the five phases, joined to the catalog by ``indexer``."""
