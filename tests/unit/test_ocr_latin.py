"""A network of whose classes those for Latin letters are left: read and written by hand, checked against its parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.kinds.ocr import latin

_CHARACTERS = ["a", "日", "7", "€", "\u3001", "ß", "fi"]
_LEFT = [0, 1, 3, 4, 6, 8]
"""No character, a, 7, the euro, sharp s, and the space."""


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: bytes, numbers: NDArray[np.float32], *, packed: bool = False) -> bytes:
    sizes = field(1, b"".join(map(varint, numbers.shape))) if packed else b"".join(field(1, n) for n in numbers.shape)
    return sizes + field(2, 1) + field(8, name) + field(9, numbers.tobytes())


def output(*sizes: int) -> bytes:
    shape = b"".join(field(1, field(1, size)) for size in sizes)
    return field(1, b"found") + field(2, field(1, field(1, 1) + field(2, shape)))


def model(weights: list[bytes], characters: list[str], *sizes: int) -> bytes:
    entries = [(b"author", b"someone"), (b"character", "\n".join(characters).encode())]
    graph = field(1, b"a node") + b"".join(field(5, one) for one in weights) + field(12, output(*sizes))
    metadata = b"".join(field(14, field(1, key) + field(2, text)) for key, text in entries)
    return field(1, 10) + field(7, graph) + metadata


@pytest.mark.parametrize("packed", [False, True])
def test_the_last_layer_its_shape_and_the_characters_are_cut(packed: bool) -> None:
    product = np.arange(18, dtype=np.float32).reshape(2, 9)
    bias, other = np.arange(9, dtype=np.float32), np.arange(300, dtype=np.float32).reshape(3, 100)
    names = (b"product", b"bias", b"other")
    before = [tensor(name, one, packed=packed) for name, one in zip(names, (product, bias, other), strict=True)]
    after = [tensor(b"product", product[:, _LEFT]), tensor(b"bias", bias[_LEFT]), before[2]]
    expected = model(after, ["a", "7", "€", "ß"], 1, 6)
    found = latin.with_latin_alone(model(before, _CHARACTERS, 1, 9))
    assert sorted(found) == sorted(expected)
    assert len(found) == len(expected)
    for numbers in (product[:, _LEFT], bias[_LEFT], other):
        assert np.ascontiguousarray(numbers).tobytes() in found
    assert output(1, 6) in found
    assert "a\n7\n€\nß".encode() in found


def test_shapes_of_what_stands_between_are_left_out() -> None:
    graph = field(13, output(1, 9)) + field(12, output(1, 9))
    entry = field(14, field(1, b"character") + field(2, "\n".join(_CHARACTERS).encode()))
    found = latin.with_latin_alone(field(7, graph) + entry)
    assert field(12, output(1, 6)) in found
    assert output(1, 9) not in found


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(field(7, b""), id="no characters"),
        pytest.param(b"\x0b", id="a group"),
        pytest.param(b"\x3a\x05ab", id="cut"),
        pytest.param(b"\xff\xff", id="a number without an end"),
    ],
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(the|no|a) "):
        latin.with_latin_alone(data)


@pytest.mark.parametrize(
    ("character", "expected"), [("ñ", True), ("–", True), ("日", False), ("：", False), ("", False)]
)
def test_what_is_latin(character: str, expected: bool) -> None:
    assert latin.is_latin(character) is expected
