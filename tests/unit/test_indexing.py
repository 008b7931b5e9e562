"""The pure indexing phases: comparing, adding up, cutting into chunks, wanting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillion.catalog.locations import AGAIN, REMOVED
from pillion.index.changes import Discovered, Problem, compare
from pillion.index.indexer import CHUNK_BYTES, CHUNK_FILES, aggregate, chunked
from pillion.index.links import FoundFile
from pillion.index.wants import named_policy, restrict, wanted_on_demand, wanted_sidecars

names = st.binary(min_size=1, max_size=3).filter(lambda name: b"/" not in name and b"\0" not in name)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)


def _found(files: list[FoundFile], problems: list[Problem] | None = None) -> Discovered:
    return Discovered(root=b"/r", prefix=b"", files=files, folders=0, problems=problems or [])


def _file(path: bytes, size: int, mtime_ns: int, inode: int, ctime_ns: int = 5) -> FoundFile:
    return (path, size, mtime_ns, inode, ctime_ns)


def _known(files: list[FoundFile], again: int = 0) -> dict[bytes, tuple[int, int, int, int, int, int | None]]:
    return {file[0]: (number, file[1], file[2], file[3], again, file[4]) for number, file in enumerate(files)}


def test_unchanged_files_go_no_further() -> None:
    files = [_file(b"a", 1, 2, 3), _file(b"b/c", 4, 5, 6)]
    changes = compare(_found(files), _known(files))
    assert (changes.unchanged, changes.to_identify, list(changes.removed)) == (2, [], [])
    assert not changes.any


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
    assert [file[0] for file in changes.changed] == [b"resized", b"touched", b"swapped"]
    assert list(changes.removed) == [0]


def test_a_file_whose_ctime_alone_differs_is_told_apart() -> None:
    before, after = [_file(b"a", 1, 2, 3)], [_file(b"a", 1, 2, 3, ctime_ns=6)]
    changes = compare(_found(after), _known(before))
    assert (list(changes.touched), changes.unchanged, changes.to_identify) == ([(0, after[0])], 0, [])
    assert (list(changes.removed), changes.any) == ([], False)
    assert compare(_found(after), _known(before), trust_ctime=False).unchanged == 1
    known = {path: (*row[:5], None) for path, row in _known(before).items()}
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
