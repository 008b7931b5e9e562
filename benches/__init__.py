"""Benchmarks beside other tools: make bench."""
