"""Generators: one content in, the sidecars of one kind out. See :mod:`pillion.generators.base` for the protocol."""

from pillion.generators.base import BatchGenerator
from pillion.generators.registry import ALL, find

__all__ = ["ALL", "BatchGenerator", "find"]
