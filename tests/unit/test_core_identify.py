"""Content hashes, and identifying many files at once."""

from __future__ import annotations

import copy
import os
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from tests.support.denied import python_bound

EMPTY_HASH = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
ABC_HASH = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"


def seen(root: Path) -> list[tuple[bytes, int, int]]:
    return [(path, size, mtime_ns) for path, size, mtime_ns, *_ in _core.walk(root).files]


@pytest.mark.parametrize(("data", "want"), [(b"", EMPTY_HASH), (b"abc", ABC_HASH)])
def test_the_plain_hash_is_what_b3sum_prints(tmp_path: Path, data: bytes, want: str) -> None:
    (tmp_path / "file").write_bytes(data)
    result = _core.hash_file(tmp_path / "file")
    assert (result.hash, result.size, result.sampled) == (want, len(data), False)
    assert result == _core.hash_bytes(data)
    assert result.content_uuid == _core.content_uuid(want)


def test_the_uuid_is_version_8_of_rfc_9562() -> None:
    result = _core.hash_bytes(b"abc")
    parsed = uuid.UUID(result.content_uuid)
    assert str(parsed) == result.content_uuid
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)
    assert result.content_uuid[:8] == result.hash[:8]


@given(data=st.binary(max_size=5000), sample_above=st.integers(0, 6000))
def test_sampled_and_plain_are_never_equal(data: bytes, sample_above: int) -> None:
    result = _core.hash_bytes(data, sample_above=sample_above)
    assert result.sampled == (len(data) > sample_above)
    assert (result.hash == _core.hash_bytes(data).hash) is not result.sampled


def test_a_sampled_file_is_hashed_as_its_bytes_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * (9 << 12) + b"tail"
    (tmp_path / "file").write_bytes(data)
    result = _core.hash_file(tmp_path / "file", sample_above=1000)
    assert result.sampled
    assert result == _core.hash_bytes(data, sample_above=1000)
    assert result != _core.hash_bytes(data + b"x", sample_above=1000)


@pytest.mark.parametrize(
    ("name", "error_class"),
    [("nothing", ErrorClass.MISSING_SOURCE), (".", ErrorClass.UNSUPPORTED), ("pipe", ErrorClass.UNSUPPORTED)],
)
def test_hash_file_fails_with_a_class(tmp_path: Path, name: str, error_class: ErrorClass) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ItemError) as caught:
        _core.hash_file(tmp_path / name)
    assert caught.value.error_class is error_class


def test_identify_gives_uuid_hash_and_mime_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.md").write_bytes(b"# hello")
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "empty.jpg").write_bytes(b"")
    files = seen(tmp_path)[::-1]
    results = _core.identify_files(tmp_path, files)
    assert [result[2:] for result in results] == [
        (mime, None) for mime in ("application/x-empty", "text/markdown", "image/png")
    ]
    for (path, size, _), result in zip(files, results, strict=True):
        whole = _core.hash_file(tmp_path / os.fsdecode(path))
        assert whole.size == size
        assert result[:2] == (whole.content_uuid, whole.hash)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.md", "wb") as out:
        out.write(b"x")
    [result] = _core.identify_files(os.fsencode(tmp_path), seen(tmp_path))
    assert result[2:] == ("text/markdown", None)


def test_each_file_fails_alone(tmp_path: Path) -> None:
    for name in ("fine", "gone", "grown", "link", "pipe", "touched"):
        (tmp_path / name).write_bytes(b"12345")
    files = seen(tmp_path)
    for name in ("gone", "link", "pipe"):
        (tmp_path / name).unlink()
    (tmp_path / "grown").write_bytes(b"123456")
    (tmp_path / "link").symlink_to("fine")
    os.mkfifo(tmp_path / "pipe")
    os.utime(tmp_path / "touched", ns=(1, 1))
    results = dict(zip((path for path, *_ in files), _core.identify_files(tmp_path, files), strict=True))
    assert len(results.pop(b"fine")) == 4
    assert results.pop(b"gone") == ("missing_source", "cannot open: no such file or directory")
    assert set(results.values()) == {("changed_source", "the file changed since it was found")}


_IDENTIFY = """
import os, sys
from pillion import _core
file = os.stat(os.path.join(sys.argv[1], "file"))
print(_core.identify_files(sys.argv[1], [(b"file", file.st_size, file.st_mtime_ns)]))
"""


def test_an_unreadable_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "file").chmod(0)
    done = python_bound("-c", _IDENTIFY, tmp_path)
    assert done.stdout == "[('missing_source', 'cannot open: permission denied')]\n", done.stderr


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        _core.identify_files(tmp_path / "nothing", [])
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE


def test_progress_ends_with_the_totals(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"x" * number)
    calls: list[tuple[int, int]] = []
    _core.identify_files(tmp_path, seen(tmp_path), threads=2, progress=lambda files, size: calls.append((files, size)))
    assert calls[-1] == (20, sum(range(20)))


def test_reading_does_not_change_the_access_time(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    os.utime(file, ns=(1_000_000_000, 2_000_000_000))
    before = file.stat()
    _core.identify_files(tmp_path, seen(tmp_path))
    after = file.stat()
    assert (after.st_atime_ns, after.st_mtime_ns) == (before.st_atime_ns, before.st_mtime_ns)


@given(st.binary(max_size=3000), st.integers(1000, 2000))
def test_a_hash_passes_between_processes(data: bytes, sample_above: int) -> None:
    result = _core.hash_bytes(data, sample_above=sample_above)
    make, arguments = result.__reduce__()
    assert make is _core.HashResult
    assert make(*arguments) == result == copy.deepcopy(result)


@pytest.mark.parametrize("hash", ["", "ab", "g" * 64, ABC_HASH + "0"])
def test_what_is_no_hash_is_refused(hash: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        _core.HashResult(hash, 3, False)
