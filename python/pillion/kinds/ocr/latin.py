"""PP-OCR's recogniser with Latin letters alone, made from its file: what it does for 18,000 other characters takes a
quarter of its time.

The file is a protocol buffer (onnx.proto): a message is a row of fields, each a key, which is its number and how it is
written, and a value, which may be a message. What has as many numbers as there are classes changes: the weights and the
bias of the last layer, the shape of what it gives, and the list of characters. A class is a character; the first is for
none, the last for a space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
else:
    from pillion.extras import lazy_numpy as np

_RANGES = ((0x21, 0x7E), (0xA1, 0x24F), (0x2010, 0x203A), (0x20A0, 0x20BF), (0x2122, 0x2122))


def is_latin(character: str) -> bool:
    """Whether it is a Latin letter, a digit, or a mark that stands among these."""
    return len(character) == 1 and any(low <= ord(character) <= high for low, high in _RANGES)


def with_latin_alone(model: bytes) -> bytes:
    """The network in a file, of its classes those for Latin characters alone. Raises ValueError for another file."""
    characters = _characters(memoryview(model))
    kept = [place for place, character in enumerate(characters) if is_latin(character)]
    classes = [0, *(1 + place for place in kept), len(characters) + 1]
    count = len(characters) + 2
    said = _field(_KEY, _CHARACTERS) + _field(_TEXT, "\n".join(characters[place] for place in kept).encode())
    shape = _inside(_SHAPE, _inside(_DIMENSION, partial(_resized, count=count, to=len(classes))))
    graph: dict[int, _Change] = {
        _INITIALIZER: partial(_cut, count=count, classes=classes),
        _OUTPUT: _inside(_TYPE, _inside(_TENSOR, shape)),
        # The shapes of what stands between are worked out anew.
        _BETWEEN: _nothing,
    }
    with_graph = partial(_changed, changes=graph)
    return _changed(memoryview(model), {_GRAPH: with_graph, _METADATA: lambda entry: _said_instead(entry, said)})


# the network ----------------------------------------------------------------------------------------------------------

_GRAPH, _METADATA = 7, 14
"""Fields of a model: the network, and entries of a key and a text."""
_INITIALIZER, _OUTPUT, _BETWEEN = 5, 12, 13
"""Of a network: weights, and what is known of what it gives and of what stands between."""
_TYPE, _TENSOR, _SHAPE, _DIMENSION, _SIZE = 2, 1, 2, 1, 1
"""Of what it gives, each inside the one before."""
_SIZES, _NUMBERS = 1, 9
"""Of weights, which are float32."""
_KEY, _TEXT = 1, 2
_CHARACTERS = b"character"


def _characters(model: memoryview) -> list[str]:
    for number, _, entry in _fields(model):
        if number == _METADATA and isinstance(entry, memoryview) and _value(entry, _KEY) == _CHARACTERS:
            return bytes(_value(entry, _TEXT)).decode().split("\n")
    raise ValueError("the network has no list of characters")


def _said_instead(entry: memoryview, said: bytes) -> bytes:
    return said if _value(entry, _KEY) == _CHARACTERS else bytes(entry)


def _cut(weights: memoryview, count: int, classes: Sequence[int]) -> bytes:
    """Weights, of the last of whose sizes only some places are left where it is that of the classes."""
    sizes = list(_sizes(weights))
    if not sizes or sizes[-1] != count:
        return bytes(weights)
    numbers = np.frombuffer(_value(weights, _NUMBERS), np.dtype("<f4")).reshape(sizes)
    rest = b"".join(whole for number, whole, _ in _fields(weights) if number not in (_SIZES, _NUMBERS))
    left = [*sizes[:-1], len(classes)]
    written = b"".join(_key(_SIZES, _VARINT) + _varint(size) for size in left)
    return written + rest + _field(_NUMBERS, np.ascontiguousarray(numbers[..., classes]).tobytes())


def _sizes(weights: memoryview) -> Iterator[int]:
    for number, _, value in _fields(weights):
        if isinstance(value, int):
            if number == _SIZES:
                yield value
        elif number == _SIZES:
            at = 0
            while at < len(value):
                size, at = _varint_at(value, at)
                yield size


def _resized(dimension: memoryview, count: int, to: int) -> bytes:
    sizes = [value for number, _, value in _fields(dimension) if number == _SIZE]
    return _key(_SIZE, _VARINT) + _varint(to) if sizes == [count] else bytes(dimension)


# messages -------------------------------------------------------------------------------------------------------------

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
"""How a value is written."""
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

_Change = Callable[[memoryview], "bytes | None"]


def _changed(message: memoryview, changes: Mapping[int, _Change]) -> bytes:
    """The message, the values of some of its fields changed, or left out."""
    parts: list[bytes | memoryview] = []
    for number, whole, value in _fields(message):
        if number not in changes or isinstance(value, int):
            parts.append(whole)
        elif (changed := changes[number](value)) is not None:
            parts.append(_field(number, changed))
    return b"".join(parts)


def _inside(number: int, change: _Change) -> _Change:
    return lambda message: _changed(message, {number: change})


def _nothing(_: memoryview) -> None:
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, int | memoryview]]:
    """The number, all bytes, and the value of each field. Raises ValueError for what is no message."""
    at = 0
    while at < len(message):
        start = at
        key, at = _varint_at(message, at)
        number, how = key >> 3, key & 7
        value: int | memoryview
        if how == _VARINT:
            value, at = _varint_at(message, at)
        elif how == _BYTES or how in _FIXED:
            length, at = _varint_at(message, at) if how == _BYTES else (_FIXED[how], at)
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"no field is written so: {how}")
        if at > len(message):
            raise ValueError("a field goes on beyond its end")
        yield number, message[start:at], value


def _value(message: memoryview, wanted: int) -> memoryview:
    for number, _, value in _fields(message):
        if number == wanted and isinstance(value, memoryview):
            return value
    return memoryview(b"")


def _varint_at(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and where it ends: seven bits a byte, the lowest first."""
    value = shift = 0
    while at < len(message):
        value |= (message[at] & 0x7F) << shift
        at += 1
        if not message[at - 1] & 0x80:
            return value, at
        shift += 7
    raise ValueError("a number goes on beyond its end")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _key(number: int, how: int) -> bytes:
    return _varint(number << 3 | how)


def _field(number: int, value: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(value)) + value
