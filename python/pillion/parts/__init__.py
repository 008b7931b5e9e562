"""The parts alone, without a library: pictures and text of one file, and what is installed to read it with."""
