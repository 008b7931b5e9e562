"""Binary data written as text (base64) is no text: pictures in notebooks, cards and pages are left out."""

from __future__ import annotations

import re

_MIN_RUN = 400
"""Characters without a space that no word or address has."""
_URI = (
    r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,"
    r"(?:[A-Za-z0-9+/=_-]|%[0-9A-Fa-f]{2}|\\?\s(?=[A-Za-z0-9+/=]{20})){64,}"
)
_LEAD = r"^[ \t>\"']{0,12}"
_LINES = (
    rf"(?:{_LEAD}[A-Za-z0-9+/]{{48,128}}(?:\\n)?[\"',]{{0,3}}\r?$\n){{6,}}(?:{_LEAD}[A-Za-z0-9+/]{{1,128}}={{0,2}})?"
)
_WORD = rf"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]|\\[nr/]){{{_MIN_RUN},}}={{0,2}}"
_RUN = re.compile(rf"(?P<uri>{_URI})|(?P<lines>{_LINES})|(?P<word>{_WORD})", re.MULTILINE)
NOTE = "binary data written as text was left out"


def without_binary(text: str) -> tuple[str, bool]:
    """The text without long runs of base64, and whether there were any."""
    found = False

    def replaced(run: re.Match[str]) -> str:
        nonlocal found
        if run.lastgroup != "uri" and not _is_mixed(run[0]):
            return run[0]
        found = True
        return " "

    return _RUN.sub(replaced, text), found


def _is_mixed(run: str) -> bool:
    """Whether it has capitals, small letters and digits, as base64 does and sequences of genes do not."""
    sample = run[:2000]
    return all(any(test(letter) for letter in sample) for test in (str.isupper, str.islower, str.isdigit))
