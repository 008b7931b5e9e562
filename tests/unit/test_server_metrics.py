"""Numbers in the metrics: whole, however large."""

from __future__ import annotations

import pytest

from pillion.server.metrics import metric


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (3.0, "3"), (1_234_567_891, "1234567891"), (1764412507.25, "1764412507.25")]
)
def test_a_number_is_given_whole(value: float, text: str) -> None:
    lines = metric("pillion_bytes", "gauge", "Bytes.", [({}, value), ({"kind": 'a"b'}, value)])
    assert lines.splitlines()[2:] == [f"pillion_bytes {text}", f'pillion_bytes{{kind="a\\"b"}} {text}']
