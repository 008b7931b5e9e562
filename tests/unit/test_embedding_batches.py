"""In which arithmetic texts are embedded together."""

from __future__ import annotations

import pytest

from pillion.kinds.embedding import minilm


@pytest.mark.parametrize(
    ("has_int8", "expected"),
    [
        (True, [("int8", [1, 2]), ("float32", [0])]),
        (False, [("float32", [1]), ("float32", [2]), ("float32", [0])]),
    ],
)
def test_int8_is_used_where_its_sums_are_whole(
    monkeypatch: pytest.MonkeyPatch, has_int8: bool, expected: list[tuple[str, list[int]]]
) -> None:
    monkeypatch.setattr(minilm, "_HAS_INT8", has_int8)
    assert list(minilm._batches([5, 40, 40], "int8")) == expected
