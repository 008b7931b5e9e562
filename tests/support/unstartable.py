"""A target that the parent can import, and its children cannot."""

from __future__ import annotations

import sys

_main = sys.modules["__main__"].__spec__
if _main is not None and _main.name == "pillion.pool.child":
    raise ImportError("no such engine in this process")


def run(item: tuple[str, float]) -> tuple[str, float]:
    """Never reached."""
    return item
