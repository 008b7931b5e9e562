"""JPEG with bytes that belong to nothing, without its end, and with wrong marks: read as libjpeg reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pillion
from pillion import _core
from pillion.errors import ItemError
from pillion.readers.images import decode as pictures
from tests.support.pictures import as_stored, chart, encoded, exif

KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
}
END = b"\xff\xd9"
FEW, ALL = b"\0" * 9, bytes(range(256))
JUNK = {
    "zeros": FEW,
    "text": b"hello",
    "all": ALL,
    "stuffed": b"\xff\0\x12",
    "restart": b"\xff\xd3\x12",
    "fill": b"\xff" * 3,
}


def segments(data: bytes) -> list[bytes]:
    """The start, each segment up to that of the scan, and the rest."""
    parts, at = [data[:2]], 2
    while True:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at:end])
        if data[at + 1] == 0xDA:
            return [*parts, data[end:]]
        at = end


def between(data: bytes, junk: bytes) -> bytes:
    first, *middle, rest = segments(data)
    return first + b"".join(junk + part for part in middle) + rest


def adobe(transform: int) -> bytes:
    return b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


@pytest.fixture(params=KINDS)
def plain(request: pytest.FixtureRequest) -> bytes:
    return encoded(chart(), "JPEG", quality=90, **KINDS[request.param])


def mark(data: bytes) -> str:
    (made,) = pictures.thumbnails(data, [("a", 64, 80, 0)])
    return "truncated" if made.truncated else "damaged" if made.damaged else "whole"


@pytest.mark.parametrize("junk", JUNK)
def test_bytes_between_segments_are_left_out(junk: str, plain: bytes) -> None:
    data = between(plain, JUNK[junk])
    assert _core.sniff(data) == "image/jpeg"
    assert np.array_equal(pillion.decode(data), pillion.decode(plain))
    assert pillion.thumbnail(data) == pillion.thumbnail(plain)
    assert mark(data) == "whole"


def test_what_is_said_behind_such_bytes_counts() -> None:
    turned = encoded(as_stored(chart(), 6), "JPEG", exif=exif(6))
    data = between(turned, ALL)
    assert pillion.decode(data).shape == (120, 160, 3)
    assert np.array_equal(pillion.decode(data), pillion.decode(turned))


@pytest.mark.parametrize("tail", [b"garbage" * 99, b"\0" * 5000, b"itself"])
def test_what_is_behind_the_end_is_left_out(tail: bytes, plain: bytes) -> None:
    data = plain + (plain if tail == b"itself" else tail)
    assert np.array_equal(pillion.decode(data), pillion.decode(plain))
    assert pillion.thumbnail(data) == pillion.thumbnail(plain)


@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0" * 300, b"hello" * 9])
def test_nothing_is_missing_where_the_mark_of_the_end_is(tail: bytes, plain: bytes) -> None:
    assert plain.endswith(END)
    data = plain.removesuffix(END) + tail
    assert np.array_equal(pillion.decode(data), pillion.decode(plain))
    assert mark(data) == "whole"
    assert pillion.thumbnail(data) == pillion.thumbnail(plain)


def test_a_picture_that_is_cut_is_still_marked(plain: bytes) -> None:
    for length in (len(plain) - 40, len(plain) * 3 // 4):
        assert mark(plain[:length]) == "truncated"
        with pytest.raises(ItemError, match="ends early"):
            pillion.decode(plain[:length])


@pytest.mark.parametrize("transform", [0, 1, 2, 7])
def test_a_mark_of_adobe_beside_one_of_jfif_changes_nothing(transform: int, plain: bytes) -> None:
    first, jfif, *rest = segments(plain)
    assert jfif[4:8] == b"JFIF"
    data = first + jfif + adobe(transform) + b"".join(rest)
    assert np.array_equal(pillion.decode(data), pillion.decode(plain))
    # Without that of JFIF the mark decides: 0 is RGB, and a number that nobody knows YCbCr.
    alone = pillion.decode(first + adobe(transform) + b"".join(rest))
    assert np.array_equal(alone, pillion.decode(plain)) == (transform != 0)


def test_two_starts_are_refused_as_by_libjpeg() -> None:
    data = encoded(chart(), "JPEG")
    with pytest.raises(ItemError, match="two SOI"):
        pillion.decode(data[:2] + data)


def test_text_that_begins_like_a_jpeg_is_none() -> None:
    assert _core.sniff(b"\xff\xd8" + b"plain words " * 50) != "image/jpeg"
    assert _core.sniff(b"\xff\xd8" + b"\0" * 999) != "image/jpeg"
