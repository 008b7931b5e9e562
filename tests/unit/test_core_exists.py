"""The bulk existence check."""

from __future__ import annotations

from pathlib import Path

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
    assert dict(zip(cases, found, strict=True)) == cases


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_answers_keep_their_order(tmp_path: Path, threads: int) -> None:
    there = {7, 600, 2999}
    for number in there:
        (tmp_path / str(number)).write_bytes(b"")
    found = _core.exists_many(tmp_path, [str(number) for number in range(3000)], threads=threads)
    assert {number for number, exists in enumerate(found) if exists} == there


def test_nothing_exists_below_a_root_that_is_not_there(tmp_path: Path) -> None:
    assert _core.exists_many(tmp_path / "nothing", ["a", "b"]) == [False, False]
    assert _core.exists_many(tmp_path, []) == []
