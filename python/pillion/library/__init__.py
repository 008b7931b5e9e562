"""The library, and what one may ask it: sidecars, requests, plans, how things stand.

``library`` is the object that people and indexers use; ``opening`` makes and opens it, ``working`` runs its workers.
``arguments`` checks what callers pass in.
"""

from pillion.library.library import Library
from pillion.library.opening import CATALOG

__all__ = ["CATALOG", "Library"]
