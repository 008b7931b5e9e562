"""Decoding pictures: the Rust core first, then libheif, LibRaw and Pillow."""
