"""Text that can be stored: every string that leaves a reader is valid Unicode."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 file can hold.

    Two surrogates that make a character become that character, as formats that count in UTF-16 mean them; a lone one
    becomes U+FFFD.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
