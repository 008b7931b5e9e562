"""The bulk existence check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pillion import _core


def test_only_regular_files_below_the_root_exist(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"")
    (tmp_path / "c..d").write_bytes(b"")
    (tmp_path / "link").symlink_to("a/b")
    cases = {
        "a/b": True,
        "c..d": True,
        "a": False,
        "a/b/c": False,
        "x": False,
        "link": False,
        "": False,
        "a/../a/b": False,
        str(tmp_path / "a" / "b"): False,
        "x" * 300: False,
        "nul\0": False,
        "é": False,
    }
    found = _core.exists_many(tmp_path, list(cases))
    assert found.dtype == np.bool_
    assert found.shape == (len(cases),)
    assert dict(zip(cases, found.tolist(), strict=True)) == cases


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_answers_keep_their_order(tmp_path: Path, threads: int) -> None:
    there = {7, 600, 2999}
    for number in there:
        (tmp_path / str(number)).write_bytes(b"")
    found = _core.exists_many(tmp_path, [str(number) for number in range(3000)], threads=threads)
    assert set(np.flatnonzero(found).tolist()) == there


def test_nothing_exists_below_a_root_that_is_not_there(tmp_path: Path) -> None:
    assert _core.exists_many(tmp_path / "nothing", ["a", "b"]).tolist() == [False, False]
    assert _core.exists_many(tmp_path, []).shape == (0,)
