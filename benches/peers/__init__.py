"""Pillion's thumbnails beside those of libvips and Pillow-SIMD; ``tools/bench_peers.py`` (make bench-peers) runs it."""
