"""Finding files and deciding which sidecars they should have: five phases, connected to the catalog by ``indexer``."""
