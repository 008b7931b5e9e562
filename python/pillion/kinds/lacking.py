"""What of a kind's tools is missing on this machine: looked for where no file of the user is read.

A worker that says so may have been taken over by a file, so its word alone holds nobody up. Another worker, which has
read no file and may do the same as the first, looks at what the kind's record names as ``lacking``: a function of (MIME
type, settings) that gives a :class:`Lacking`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from pillion import extras
from pillion.errors import ItemError
from pillion.kinds import registry
from pillion.model import value
from pillion.pool import sandbox
from pillion.weights import outside


@value
class Lacking:
    """Sentences about what is missing for files of a type.

    ``any_file``: what each of them may need. ``some``: what only those need that the sentence says, such as a codec.
    """

    any_file: tuple[str, ...] = ()
    some: tuple[str, ...] = ()

    def confirmed(self, claim: str) -> str | None:
        """The sentence that a worker's claim amounts to; None if nothing of the kind is missing."""
        if claim in self.any_file or claim in self.some:
            return claim
        return self.any_file[0] if self.any_file else None


@value
class Question:
    """``function``: the kind's ``lacking``."""

    function: str
    mime: str
    settings: Mapping[str, Any]


if sandbox.own_folder() is not None:
    # In a worker, which makes no models.
    outside.ask_by(sandbox.ask)


def look(question: Question) -> Lacking:
    """Answer in a worker of its own."""
    try:
        found: Lacking = registry.loaded(question.function)(question.mime, question.settings)
    except ImportError as error:
        return Lacking(any_file=(extras.not_importable(error).message,))
    return found


def look_quickly(question: Question) -> Lacking:
    """The same in this process, without the checks that are :func:`slow`: no engine is loaded."""
    before = _quick.set(True)
    try:
        return look(question)
    finally:
        _quick.reset(before)


_quick: ContextVar[bool] = ContextVar("quick", default=False)


# for the kinds --------------------------------------------------------------------------------------------------------


Check = Callable[[], object]
"""Returns a sentence, or raises ItemError or ImportError, if something is missing."""


def sentences(*checks: Check) -> tuple[str, ...]:
    """What these find missing."""
    return tuple(found for check in checks if (found := _sentence(check)) is not None)


def _sentence(check: Check) -> str | None:
    try:
        found = check()
    except ItemError as error:
        return error.message if error.error_class.environment else None
    except ImportError as error:
        return extras.not_importable(error).message
    return found if isinstance(found, str) else None


def importable(*modules: str) -> Check:
    """A check that these can be imported, which tells more than that they are installed."""

    def check() -> None:
        for module in modules:
            importlib.import_module(module)

    return slow(check)


def slow(check: Check) -> Check:
    """A check that loads an engine or a model."""
    return lambda: None if _quick.get() else check()


def is_quick() -> bool:
    """Whether slow checks are left out."""
    return _quick.get()
