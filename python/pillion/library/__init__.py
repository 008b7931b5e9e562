"""The library and what it can be asked: sidecars, requests, plans, status.

``library`` is the object that people and indexers use; ``opening`` creates and opens it;
``arguments`` checks what callers pass in.
"""

from pillion.library.library import Library
from pillion.library.opening import CATALOG

__all__ = ["CATALOG", "Library"]
