"""Names and messages as they may stand on a terminal or in a sentence: nothing in them acts, and all of it is seen."""

from __future__ import annotations

import os
import unicodedata

_HARMLESS_FORMATS = frozenset({0x200C, 0x200D, *range(0xE0020, 0xE0080)})
"""Invisible characters that scripts and emoji are written with: joiners, and the tags of flags."""

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, formats (which turn the direction of text), surrogates, line ends."""


def quoted(name: bytes | str | os.PathLike[str]) -> str:
    r"""A name or a message for people, on one line.

    Control characters, line ends and what turns the direction of text become ``\n``, ``\x1b`` or ``\u202e``, and what
    is not UTF-8 ``\xNN``. Everything else stays as it is.
    """
    return _escaped(os.fsencode(name).decode("utf-8", errors="backslashreplace"), keep="")


def harmless(text: str) -> str:
    r"""The same for text that may have several lines: ``\n`` and ``\t`` stay."""
    return _escaped(text, keep="\n\t")


def _escaped(text: str, keep: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep or not _acts(char) else _escape(char) for char in text)


def _acts(char: str) -> bool:
    return unicodedata.category(char) in _ACTING and ord(char) not in _HARMLESS_FORMATS


def _escape(char: str) -> str:
    return char.encode("unicode_escape", errors="backslashreplace").decode("ascii")
