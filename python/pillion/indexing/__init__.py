"""The five indexing phases, one module each: pure steps from data to data. library.py joins them to the catalog."""
