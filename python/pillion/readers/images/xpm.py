"""XPM pictures (X PixMap 3): C source with a string for the sizes, one for each colour, and one for each row.

Colours are ``#`` and three to twelve digits, ``None``, or names of X11 (x11-colours.txt, from X.Org's rgb.txt: a name,
its colour, and those of its shades 1 to 4). As for GdkPixbuf, a colour of another name is transparent.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pillion.errors import ErrorClass, ItemError
from pillion.readers.images.base import DecodedPicture, check_size

NAME = "pillion"
EXTRA = None
NOTE = "with the names of X11 for colours"
ALPHA = True
ICC = False
MIMES = frozenset({"image/x-xpixmap"})

_STRINGS = re.compile(rb'/\*.*?\*/|"([^"]*)"', re.DOTALL)
_MOST_KEY = 16
"""Characters for each pixel: more than any writer needs for its colours."""

_KINDS = (b"c", b"g", b"g4", b"m")
"""What a colour is for, the best first: colours, grey, four greys, black and white. ``s`` is a name for programs."""

_BYTES_PER_PIXEL = 8
_CLEAR = bytes(4)


def missing(mime: str) -> str | None:
    """Nothing is missing."""
    return None


def version() -> str:
    """Of this way of reading them."""
    return "1"


def decode(data: bytes, mime: str, *, max_side: int | None, max_pixels: int, page: int = 0) -> DecodedPicture:
    """The picture, shape (H, W, 4) where it has transparent pixels, else (H, W, 3). Raises ItemError."""
    strings = (found[1] for found in _STRINGS.finditer(data) if found[1] is not None)
    width, height, colours, key_size = _sizes(next(strings, b""))
    check_size((width, height), max_pixels, _BYTES_PER_PIXEL)
    if colours * key_size > len(data) or width * key_size > len(data):
        raise _damaged("the file ends early")
    palette = dict(_colour(line, key_size) for line in islice(strings, colours))
    rows = [_row(line, palette, width, key_size) for line in islice(strings, height)]
    if len(rows) < height:
        raise _damaged(f"it has {len(rows)} of {height} rows")
    pixels = b"".join(rows)
    if any(colour[3] != 255 for colour in palette.values()):
        return DecodedPicture(memoryview(pixels).cast("B", (height, width, 4)))
    opaque = bytearray(width * height * 3)
    for channel in range(3):
        opaque[channel::3] = pixels[channel::4]
    return DecodedPicture(memoryview(bytes(opaque)).cast("B", (height, width, 3)))


def _damaged(why: str) -> ItemError:
    return ItemError(ErrorClass.CORRUPT, f"the XPM picture is damaged: {why}")


def _sizes(line: bytes) -> Sequence[int]:
    """Width, height, number of colours, characters for each pixel."""
    try:
        sizes = [int(word) for word in line.split()[:4]]
    except ValueError:
        sizes = []
    if len(sizes) < 4 or not (sizes[2] > 0 and 0 < sizes[3] <= _MOST_KEY):
        raise _damaged("its first string is not four sizes")
    return sizes


def _colour(line: bytes, key_size: int) -> tuple[bytes, bytes]:
    """The characters that stand for a colour, and its red, green, blue and alpha."""
    values = dict(_values(line[key_size:].split()))
    best = next((values[kind] for kind in _KINDS if values.get(kind)), b"")
    return line[:key_size], _rgba(best)


def _values(words: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(what it is for, the colour, in small letters without spaces)"""
    kind, value = b"", b""
    for word in words:
        # Names may have several words, and one of them may look like a kind only after another.
        if word in (*_KINDS, b"s") and (value or not kind):
            yield kind, value
            kind, value = word, b""
        else:
            value += word.lower()
    yield kind, value


def _rgba(colour: bytes) -> bytes:
    digits = colour[1:]
    if colour.startswith(b"#") and len(digits) in (3, 6, 9, 12):
        each = len(digits) // 3
        try:
            parts = [int(digits[start : start + each], 16) for start in range(0, len(digits), each)]
        except ValueError:
            return _CLEAR
        most = 16**each - 1
        return bytes([*((part * 255 + most // 2) // most for part in parts), 255])
    found = _named().get(colour.decode("ascii", "replace").replace("grey", "gray"))
    return _CLEAR if found is None else found + b"\xff"


@functools.cache
def _named() -> dict[str, bytes]:
    """Name -> red, green, blue."""
    found = {f"gray{percent}": bytes([(percent * 255 + 50) // 100] * 3) for percent in range(101)}
    for line in Path(__file__).with_name("x11-colours.txt").read_text(encoding="ascii").splitlines():
        name, *shades = line.split()
        found |= {f"{name}{number or ''}": bytes.fromhex(shade) for number, shade in enumerate(shades)}
    return found


def _row(line: bytes, palette: dict[bytes, bytes], width: int, key_size: int) -> bytes:
    """Four bytes for each pixel. Raises ItemError."""
    if len(line) < width * key_size:
        raise _damaged("a row is too short")
    try:
        return b"".join([palette[line[at : at + key_size]] for at in range(0, width * key_size, key_size)])
    except KeyError:
        raise _damaged("a pixel has a colour that it does not name") from None
