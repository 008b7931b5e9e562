"""The parallel walk: what it finds, what it leaves out, and how it fails."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from tests.support.denied import python_bound


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def paths(result: _core.WalkResult) -> list[bytes]:
    return [path for path, *_ in result.files]


def test_error_classes_are_those_of_python() -> None:
    assert [error_class.value for error_class in ErrorClass] == _core.ERROR_CLASSES


def test_entries_are_what_stat_says_sorted_by_path(tmp_path: Path) -> None:
    fill(tmp_path, "b/x", "a", "b.txt", "b/c/d")
    result = _core.walk(tmp_path)
    assert paths(result) == [b"a", b"b.txt", b"b/c/d", b"b/x"]
    for path, size, mtime_ns, inode, ctime_ns in result.files:
        stat = (tmp_path / os.fsdecode(path)).stat()
        assert (size, mtime_ns, inode) == (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        assert ctime_ns == stat.st_ctime_ns
    assert result.problems == []
    assert result.folders == 3
    assert repr(result) == "WalkResult(4 files, 3 folders, 0 problems)"


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_root_may_be_any_sort_of_path(tmp_path: Path, kind: type) -> None:
    fill(tmp_path, "a")
    assert paths(_core.walk(kind(tmp_path))) == [b"a"]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(root)
    with open(root + b"/\xff\xfe", "wb"):
        pass
    assert paths(_core.walk(tmp_path)) == [b"caf\xe9/\xff\xfe"]
    assert paths(_core.walk(root)) == [b"\xff\xfe"]
    assert paths(_core.walk(os.fsdecode(root))) == [b"\xff\xfe"]


def test_hidden_names_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, ".a", ".b/c", "d")
    assert paths(_core.walk(tmp_path)) == [b"d"]
    assert paths(_core.walk(tmp_path, hidden=True)) == [b".a", b".b/c", b"d"]


def test_ignore_globs_and_no_gitignore_files(tmp_path: Path) -> None:
    fill(tmp_path, "a.tmp", "keep.tmp", "build/x", "c/build/y", "d")
    (tmp_path / ".gitignore").write_text("d\n")
    result = _core.walk(tmp_path, ignore=["*.tmp", "!keep.tmp", "build/"])
    assert paths(result) == [b"d", b"keep.tmp"]


def test_a_bad_glob_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad ignore glob"):
        _core.walk(tmp_path, ignore=["a[z-a]"])


def test_links_are_left_out_and_loops_are_harmless(tmp_path: Path) -> None:
    fill(tmp_path, "a/b")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "broken").symlink_to("nothing")
    result = _core.walk(tmp_path)
    assert paths(result) == [b"a/b"]
    assert result.problems == []


def test_a_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    fill(tmp_path, "real/a")
    (tmp_path / "link").symlink_to("real")
    assert paths(_core.walk(tmp_path / "link")) == [b"a"]


def test_special_files_are_problems(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "sock"))
        result = _core.walk(tmp_path)
    assert list(result.files) == []
    assert [(path, error_class) for path, error_class, _ in result.problems] == [
        (b"pipe", "unsupported"),
        (b"sock", "unsupported"),
    ]


_WALK = """
import sys
from pillion import _core
found = _core.walk(sys.argv[1])
print([path for path, *_ in found.files], found.problems)
"""


def test_an_unreadable_folder_is_a_problem_and_the_rest_is_found(tmp_path: Path) -> None:
    fill(tmp_path, "a/x", "b/y")
    (tmp_path / "a").chmod(0)
    try:
        done = python_bound("-c", _WALK, tmp_path)
    finally:
        (tmp_path / "a").chmod(0o755)
    found, why = [b"b/y"], "cannot read the folder: permission denied"
    assert done.stdout == f"{found} {[(b'a', 'missing_source', why)]}\n", done.stderr


@pytest.mark.parametrize("name", ["nothing", "file", "file/below"])
def test_a_root_that_is_no_folder_is_missing(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "file")
    with pytest.raises(ItemError, match="cannot read the folder") as caught:
        _core.walk(tmp_path / name)
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE


@pytest.mark.parametrize("root", ["a\0b", b"a\0b"])
def test_a_null_byte_is_a_value_error(root: str | bytes) -> None:
    with pytest.raises(ValueError, match="null byte"):
        _core.walk(root)


def test_something_that_is_no_path_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        _core.walk(3)  # type: ignore[arg-type]


def test_progress_ends_with_the_total(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b", "c/d")
    seen: list[int] = []
    _core.walk(tmp_path, progress=seen.append)
    assert seen[-1] == 3
    assert seen == sorted(seen)


def test_what_progress_raises_is_raised(tmp_path: Path) -> None:
    def stop(count: int) -> None:
        raise RuntimeError(f"stop at {count}")

    with pytest.raises(RuntimeError, match="stop at"):
        _core.walk(tmp_path, progress=stop)


def test_a_pending_signal_is_seen(tmp_path: Path) -> None:
    def interrupt(count: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _core.walk(tmp_path, progress=interrupt)


name = st.binary(min_size=1, max_size=12).filter(lambda raw: not set(raw) & {0, ord("/")} and raw[0] != ord("."))


trees = st.dictionaries(name, st.dictionaries(name, st.binary(max_size=20), max_size=3), max_size=4)


@given(tree=trees, threads=st.integers(0, 3))
def test_every_file_is_found_once(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[bytes, dict[bytes, bytes]], threads: int
) -> None:
    root = os.fsencode(tmp_path_factory.mktemp("tree"))
    want = []
    for folder, files in tree.items():
        os.mkdir(root + b"/" + folder)
        for file, content in files.items():
            with open(root + b"/" + folder + b"/" + file, "wb") as out:
                out.write(content)
            want.append((folder + b"/" + file, len(content)))
    result = _core.walk(root, threads=threads)
    assert [(path, size) for path, size, *_ in result.files] == sorted(want)
    assert result.folders == 1 + len(tree)


# parts ----------------------------------------------------------------------------------------------------------------

NAMES = ["a", "a/b", "a/b/c.txt", "a/x.tmp", "a!", "a!/d", "build", "build/f", ".h", ".h/f", "lib", "lib/f", "lib/g/h"]


@given(st.lists(st.sampled_from([*NAMES, "", "none", "none/x", "a/b/none"]).map(os.fsencode), max_size=6))
def test_parts_are_what_the_whole_walk_finds_of_them(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    root = tmp_path_factory.getbasetemp() / "walk-parts"
    if not root.exists():
        fill(root, "a/b/c.txt", "a/x.tmp", "a!/d", "build/f", ".h/f", "lib/f", "lib/g/h", "lib/.pillion-library")
        (root / "link").symlink_to("a")
    rules: dict[str, list[str]] = {"ignore": ["/build/", "*.tmp"]}
    whole = _core.walk(root, **rules)
    some = _core.walk(root, **rules, parts=parts)

    def is_asked(path: bytes) -> bool:
        return any(part in (b"", path) or path.startswith(part + b"/") for part in parts)

    assert list(some.files) == [entry for entry in whole.files if is_asked(entry[0])]
    assert some.problems == []


def test_parts_below_a_link_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a/f")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "file").symlink_to("a/f")
    assert paths(_core.walk(tmp_path, parts=[b"link", b"link/f", b"file"])) == []
    os.mkfifo(tmp_path / "pipe")
    assert [cls for _, cls, _ in _core.walk(tmp_path, parts=[b"pipe"]).problems] == ["unsupported"]
