"""Panics of libraries in Rust, which reach Python as an exception that no ``except Exception`` catches.

pyo3 derives it from BaseException, so out of a reader it would end the program that only wanted the text of a file.
"""

from __future__ import annotations

_NAME = "PanicException"


def is_panic(error: BaseException) -> bool:
    """Whether an exception is a panic. Each library has its own class for it, of the same name."""
    return type(error).__name__ == _NAME and not isinstance(error, Exception)
