"""The pure indexing phases: comparing, adding up, cutting into chunks, wanting."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.catalog.locations import AGAIN, REMOVED, KnownEntry
from pillion.index.changes import Discovered, Matched, Picked, Problem, compare, shared_stems, stem_of
from pillion.index.indexer import CHUNK_BYTES, CHUNK_FILES, aggregate, chunked
from pillion.index.links import FoundFile
from pillion.kinds.registry import named_policy, restrict, wanted_on_demand, wanted_sidecars

names = st.binary(min_size=1, max_size=3).filter(lambda name: b"/" not in name and b"\0" not in name)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)


def _found(files: list[FoundFile], problems: list[Problem] | None = None) -> Discovered:
    return Discovered(root=b"/r", prefix=b"", files=_core.FoundFiles(files), folders=0, problems=problems or [])


def _file(path: bytes, size: int, mtime_ns: int, inode: int, ctime_ns: int = 5) -> FoundFile:
    return (path, size, mtime_ns, inode, ctime_ns)


def _known(files: list[FoundFile], again: int = 0) -> list[tuple[bytes, KnownEntry]]:
    return [(file[0], (number, file[1], file[2], file[3], again, file[4])) for number, file in enumerate(files)]


def test_unchanged_files_go_no_further() -> None:
    files = [_file(b"a", 1, 2, 3), _file(b"b/c", 4, 5, 6)]
    changes = compare(_found(files), _known(files))
    assert (changes.unchanged, len(changes.to_identify), list(changes.removed)) == (2, 0, [])
    assert not changes.any


@pytest.mark.parametrize("is_known", [True, False])
def test_a_file_takes_a_few_bytes_whether_it_is_known_or_new(is_known: bool) -> None:
    number = 20_000
    found = _found([])
    for at in range(number):
        found.files.append(_file(b"folder/%08d.jpg" % at, at, at, at))
    known = ((file[0], (at, *file[1:4], 0, file[4])) for at, file in enumerate(found.files) if is_known)
    tracemalloc.start()
    try:
        changes = compare(found, known)
        chunks = list(chunked(changes.to_identify))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (changes.unchanged, sum(map(len, chunks))) == ((number, 0) if is_known else (0, number))
    assert peak < 40 * number


def test_new_changed_and_removed_are_told_apart() -> None:
    before = [
        _file(b"gone", 1, 1, 1),
        _file(b"resized", 1, 1, 2),
        _file(b"touched", 1, 1, 3),
        _file(b"swapped", 1, 1, 4),
    ]
    after = [_file(b"new", 1, 1, 9), _file(b"resized", 2, 1, 2), _file(b"touched", 1, 7, 3), _file(b"swapped", 1, 1, 8)]
    changes = compare(_found(after), _known(before))
    assert [file[0] for file in changes.new] == [b"new"]
    assert [file[0] for file in changes.changed] == [b"resized", b"swapped", b"touched"]
    assert list(changes.removed) == [0]


def test_a_file_whose_ctime_alone_differs_is_told_apart() -> None:
    before, after = [_file(b"a", 1, 2, 3)], [_file(b"a", 1, 2, 3, ctime_ns=6)]
    changes = compare(_found(after), _known(before))
    assert (list(changes.touched), changes.unchanged, len(changes.to_identify)) == ([(0, after[0])], 0, 0)
    assert (list(changes.removed), changes.any) == ([], False)
    assert compare(_found(after), _known(before), trust_ctime=False).unchanged == 1
    known = [(path, (*row[:5], None)) for path, row in _known(before)]
    assert compare(_found(after), known).unchanged == 1
    # On another disk it says nothing: a sample of the files decides.
    assert list(compare(_found(after), _known(before), same_disk=False).elsewhere) == [(0, after[0])]


def test_what_failed_last_time_is_looked_at_again_but_is_neither_new_nor_changed() -> None:
    files = [_file(b"a", 1, 2, 3)]
    changes = compare(_found(files), _known(files, again=AGAIN))
    assert list(changes.again) == files
    assert not changes.any


def test_a_file_that_comes_back_is_new_and_one_that_stays_away_is_not_removed_twice() -> None:
    files = [_file(b"a", 1, 2, 3), _file(b"b", 1, 2, 4)]
    changes = compare(_found(files[:1]), _known(files, again=REMOVED))
    assert list(changes.new) == files[:1]
    assert list(changes.removed) == []


def test_files_below_an_unreadable_folder_are_not_taken_for_removed() -> None:
    before = [_file(b"d/x", 1, 1, 1), _file(b"dd/y", 1, 1, 2)]
    problem = Problem(path=b"d", error_class="missing_source", message="permission denied")
    changes = compare(_found([], [problem]), _known(before))
    assert list(changes.removed) == [1]


@given(st.lists(st.tuples(paths, st.integers(0, 9)), max_size=20, unique_by=lambda item: item[0]), st.data())
def test_found_files_are_sorted_and_found(named: list[tuple[bytes, int]], data: st.DataObject) -> None:
    files = [_file(path, size, -1, 2**64 - 1) for path, size in named]
    found = _core.FoundFiles(files[:5])
    found.extend(b"d/", _core.FoundFiles(files[5:]))
    want = sorted([*files[:5], *((b"d/" + file[0], *file[1:]) for file in files[5:])])
    found.sort()
    assert (list(found), len(found)) == (want, len(want))
    for path in data.draw(st.permutations([file[0] for file in want])):
        place = found.find(path)
        assert place is not None
        assert (path, *place[1:]) == found[place[0]] == want[place[0]]
    assert found.find(b"d/\xff\xff\xff\xff") is None
    picked = Picked(found, range(len(want)))
    assert list(picked[1:3] + picked[:1]) == [*want[1:3], *want[:1]]
    assert list(Matched(picked, range(len(want))).selected([0, 1])) == list(enumerate(want))[1:2]


@given(
    st.sets(st.text("ab.-/", min_size=1, max_size=6), max_size=12),
    st.lists(st.sampled_from((".jpg", ".mov", ".jpg.xmp"))),
)
def test_stems_that_files_share_are_found_in_one_pass(names: set[str], endings: list[str]) -> None:
    files = sorted({(name + ending).encode() for name in names for ending in (".JPG", *endings)})
    counts = Counter(stem_of(path) for path in files)
    want = {stem for stem, number in counts.items() if stem is not None and number > 1}
    assert sorted(shared_stems(_file(path, 0, 0, 0) for path in files)) == sorted(want)


@given(st.dictionaries(paths, st.integers(0, 10**9), max_size=20))
def test_totals_of_a_folder_are_the_sums_of_what_is_below(sizes: dict[bytes, int]) -> None:
    totals = aggregate(sizes.items())
    assert totals[b""] == (len(sizes), sum(sizes.values()))
    for folder, (files, size) in totals.items():
        below = [value for path, value in sizes.items() if path.startswith(folder + b"/") or folder == b""]
        assert (files, size) == (len(below), sum(below))


@given(st.lists(st.integers(0, 2 * CHUNK_BYTES), max_size=50))
def test_chunks_hold_every_file_once_and_stay_within_bounds(sizes: list[int]) -> None:
    files = [_file(str(number).encode(), size, 0, 0) for number, size in enumerate(sizes)]
    parts = list(chunked(files))
    assert [file for part in parts for file in part] == files
    for part in parts:
        assert 0 < len(part) <= CHUNK_FILES
        assert len(part) == 1 or sum(file[1] for file in part) <= CHUNK_BYTES


def test_embeddings_of_a_picture_await_its_ocr_and_carry_its_recipe() -> None:
    wants = {want.kind: want for want in wanted_sidecars(named_policy("desktop"), "image/jpeg", None)}
    embeddings = wants["embeddings"]
    assert embeddings.awaits == "ocr"
    assert embeddings.recipe.settings["made_from"] == wants["ocr"].digest


def test_the_embeddings_of_a_text_file_await_its_text() -> None:
    wants = wanted_sidecars(named_policy("desktop"), "text/plain", None)
    assert [(want.kind, want.awaits) for want in wants] == [("text", None), ("embeddings", "text")]


def test_text_named_like_a_picture_gets_the_pictures_kinds_too_so_that_their_state_says_so() -> None:
    wants = wanted_sidecars(named_policy("desktop"), "text/plain", "image/jpeg")
    assert {want.kind: want.awaits for want in wants} == {
        "thumb": None,
        "text": None,
        "ocr": None,
        "embeddings": "text",
    }


def test_a_variant_is_part_of_the_recipe() -> None:
    wants = wanted_sidecars(restrict(named_policy("desktop"), ["thumb"]), "image/png", None)
    assert len({want.digest for want in wants}) == len(wants) == 3


def test_on_demand_gives_what_the_policy_leaves_out() -> None:
    wants = wanted_on_demand(named_policy("mobile"), "embeddings", "all-MiniLM-L6-v2", "image/jpeg")
    assert [want.kind for want in wants] == ["ocr", "embeddings"]
    assert wanted_on_demand(named_policy("desktop"), "thumb", "icon", "audio/flac") == []
