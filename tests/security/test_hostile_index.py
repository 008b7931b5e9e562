"""The files of the search index lie in a folder that may be synced, restored or shared: whatever they are, no harm.

What is damaged is built again, and what leads elsewhere is removed without following it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.library import Library
from pillion.search.index import FORMAT, State
from tests.support.searching import add_page

MINE = b"a file of the user"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "files").mkdir()
    (tmp_path / "mine" / "words").mkdir(parents=True)
    for name in ("pictures", "vectors", "lock", "words/note.txt", "words/meta.json"):
        (tmp_path / "mine" / name).write_bytes(MINE)
    with Library.open(tmp_path / "library") as opened:
        add_page(opened, tmp_path / "files", "a.jpg", ["marzipan"])
        assert _found(opened) == ["a.jpg"]
        yield opened


def _found(library: Library) -> list[str]:
    return [os.path.basename(hit.path) for hit in library.search("marzipan")]


def _replace(path: Path, make: Callable[[Path], Any]) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    make(path)


def _folder_linked(search: Path, mine: Path) -> None:
    _replace(search, lambda path: path.symlink_to(mine))


def _words_linked(search: Path, mine: Path) -> None:
    _replace(search / "words", lambda path: path.symlink_to(mine / "words"))


def _linked(name: str) -> Callable[[Path, Path], None]:
    return lambda search, mine: _replace(search / name, lambda path: path.symlink_to(mine / name))


def _second_name(name: str) -> Callable[[Path, Path], None]:
    return lambda search, mine: _replace(search / name, lambda path: os.link(mine / name, path))


def _pipe(name: str) -> Callable[[Path, Path], None]:
    return lambda search, _: _replace(search / name, os.mkfifo)


DEEDS: dict[str, Callable[[Path, Path], None]] = {
    "its folder leads elsewhere": _folder_linked,
    "the words lead elsewhere": _words_linked,
    **{f"{name} leads elsewhere": _linked(name) for name in ("pictures", "vectors", "lock")},
    **{f"{name} is another file, too": _second_name(name) for name in ("pictures", "vectors", "lock")},
    **{f"{name} is a pipe": _pipe(name) for name in ("pictures", "vectors", "lock", "words/meta.json")},
}


@pytest.mark.parametrize("deed", list(DEEDS))
def test_what_leads_elsewhere_is_not_followed(library: Library, tmp_path: Path, deed: str) -> None:
    DEEDS[deed](library.root / "search", tmp_path / "mine")
    with Library.open(library.root) as again:
        again.verify()
        # There is something to write, too.
        add_page(again, tmp_path / "files", "b.jpg", ["marzipan"])
        assert sorted(_found(again)) == ["a.jpg", "b.jpg"]
        assert again.verify() == []
    mine = {path.relative_to(tmp_path / "mine"): path.read_bytes() for path in (tmp_path / "mine").rglob("*.*")}
    mine |= {Path(name): (tmp_path / "mine" / name).read_bytes() for name in ("pictures", "vectors", "lock")}
    assert len(mine) == 5
    assert set(mine.values()) == {MINE}


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": -48},
        {"pictures": 10**30},
        {"event": "1"},
        {"turn": [1]},
        {"after": 5},
        {"languages": "de"},
        {"names": None},
        {"format": "3"},
    ],
)
def test_a_payload_of_any_content_is_damage(change: dict[str, Any]) -> None:
    payload = {"format": FORMAT, "languages": [], "event": 1, "names": 1, "after": None, "pictures": 0, "turn": 1}
    assert State.parse(json.dumps(payload)).turn == 1
    with pytest.raises(ItemError) as caught:
        State.parse(json.dumps(payload | change))
    assert caught.value.error_class is ErrorClass.CORRUPT


def test_deep_nesting_in_a_payload_is_damage() -> None:
    with pytest.raises(ItemError, match="no payload of ours"):
        State.parse("[" * 100_000)


@pytest.mark.parametrize("seed", range(12))
def test_changed_bytes_are_found_or_do_no_harm(library: Library, seed: int) -> None:
    chance = random.Random(seed)
    files = sorted(path for path in (library.root / "search").rglob("*") if path.is_file() and path.name != "lock")
    path = files[seed % len(files)]
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 4, 64))):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data[: chance.choice((len(data), len(data) // 2))])
    with Library.open(library.root) as again:
        assert _found(again) in (["a.jpg"], [])
        if again.verify():
            again.maintenance.repair()
        assert again.verify() == []
        assert _found(again) == ["a.jpg"]
