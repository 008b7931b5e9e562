"""What a confined worker cannot make itself: models that are downloaded, joined or converted into the cache.

The worker has no network and writes nowhere (pool/sandbox.py). A function that may have to make something is marked by
:func:`made_outside`: in a worker it asks the worker's parent, which runs it in a process of its own
(``python -m pillion.weights.outside MODULE:FUNCTION ARGUMENTS``) that reads no file of the user. Then the worker finds
what was made.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib import import_module
from typing import ParamSpec, TypeVar

import msgspec

from pillion.errors import ErrorClass, ItemError

P = ParamSpec("P")
R = TypeVar("R")


class ElsewhereError(Exception):
    """This process may not make it."""


_ask: Callable[[bytes], bytes] | None = None


def ask_by(ask: Callable[[bytes], bytes]) -> None:
    """From now on this process makes nothing, and asks. ``ask``: sends a request, and waits for its answer."""
    global _ask
    _ask = ask


def must_not_ask() -> None:
    """Call it before something is made. Raises ElsewhereError in a process that has to ask for it."""
    if _ask is not None:
        raise ElsewhereError("it is made by another process")


def made_outside(function: Callable[P, R]) -> Callable[P, R]:
    """A function of text, lists of text and None, that makes something in the cache and says where it is."""
    name = f"{function.__module__}:{function.__qualname__}"

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ElsewhereError:
            assert _ask is not None
        _answered(_ask(msgspec.json.encode([name, args])))
        try:
            return function(*args, **kwargs)
        except ElsewhereError:
            raise ItemError(ErrorClass.MISSING_TOOL, "a model was made, and is not where it should be") from None

    return call


def _answered(answer: bytes) -> None:
    """Raises the error that the answer is."""
    try:
        error = msgspec.json.decode(answer, type=tuple[ErrorClass, str] | None)
    except msgspec.DecodeError:
        raise ItemError(ErrorClass.CRASH, "the process that makes models died") from None
    if error is not None:
        raise ItemError(*error)


def main() -> None:
    """Run a function and print its error, or null, as JSON."""
    module, _, name = sys.argv[1].partition(":")
    error: tuple[ErrorClass, str] | None = None
    try:
        getattr(import_module(module), name)(*msgspec.json.decode(sys.argv[2]))
    except ItemError as raised:
        error = raised.error_class, raised.message
    except Exception as raised:
        error = ErrorClass.CRASH, f"{type(raised).__name__}: {raised}"[:500]
    sys.stdout.write(msgspec.json.encode(error).decode())


if __name__ == "__main__":
    main()
