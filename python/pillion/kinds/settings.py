"""Checks of a kind's settings in config.toml. A message is the rest of the sentence "'key' must be ..."."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

Check = Callable[[Any], str | None]
"""None if a value is right, else what it must be: the rest of the sentence "'key' must be ..."."""


def nearest(word: object, names: Sequence[str]) -> str:
    """The end of a sentence, with the name most similar to ``word``; empty if none is similar."""
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def checked_by(name: str) -> Check:
    """The check "module:function", whose module is imported when it is asked: a kind's record stays light."""

    def check(value: Any) -> str | None:
        module, _, function = name.partition(":")
        wrong: str | None = getattr(import_module(module), function)(value)
        return wrong

    return check


def boolean(value: Any) -> str | None:
    """``true`` or ``false``."""
    return None if isinstance(value, bool) else "true or false"


def count(of: str, *, least: int = 0) -> Check:
    """A whole number of something, ``least`` or more."""

    def check(value: Any) -> str | None:
        right = isinstance(value, int) and not isinstance(value, bool) and value >= least
        return None if right else f"a number of {of}{f', at least {least}' if least else ''}"

    return check


def between(least: int, most: int, of: str) -> Check:
    """A whole number of something, within limits."""

    def check(value: Any) -> str | None:
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if right else f"{of} from {least} to {most}"

    return check


def all_or_by_variant(check: Check, names: Sequence[str], example: str) -> Check:
    """A value for all variants, or a table of values by variant, whose ``names`` are known."""

    def checked(value: Any) -> str | None:
        values = value.values() if isinstance(value, dict) else [value]
        wrong = next((found for one in values if (found := check(one)) is not None), None)
        expected = f"{check(None)}, or a table of them by variant, e.g. {example}"
        if wrong is not None:
            return expected
        unknown = next((name for name in value if name not in names), None) if isinstance(value, dict) else None
        return None if unknown is None else expected + nearest(unknown, names)

    return checked


def of_variant(value: Any, variant: str) -> Any:
    """What :func:`all_or_by_variant` lets through, for one variant; None if nothing is set for it."""
    return value.get(variant) if isinstance(value, Mapping) else value


def is_strings(value: Any) -> bool:
    """Whether a value is a list of strings, none of them empty."""
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def one_of(names: Sequence[str]) -> Check:
    """One of these names."""
    shown = ", ".join(f'"{name}"' for name in names)

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in names else f"one of {shown}{nearest(value, names)}"

    return check


def some_of(names: Sequence[str]) -> Check:
    """A list of some of these names, at least one."""

    def check(value: Any) -> str | None:
        if not is_strings(value) or not value:
            return f"a list of {', '.join(names)}"
        wrong = next((item for item in value if item not in names), None)
        return None if wrong is None else f"a list of {', '.join(names)}{nearest(wrong, names)}"

    return check
