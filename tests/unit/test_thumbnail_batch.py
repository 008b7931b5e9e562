"""thumbnail_batch: all comes back once, errors as values, bounded, stopped by leaving it, same bytes as one call."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import pillion
from pillion import _core
from pillion.api import file_thumbnail_batch, thumbnail_batch
from pillion.errors import ErrorClass, ItemError, UsageError
from tests.support.pictures import chart, encoded, glass

VARIANTS = ("grid@1x", "icon")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    made = {
        "photo.jpg": encoded(chart(900, 600), "JPEG", quality=92),
        "turned.jpg": encoded(chart(600, 900), "JPEG", quality=80),
        "grey.png": encoded(chart(300, 200).convert("L"), "PNG"),
        "glass.webp": encoded(glass(), "WEBP"),
        "fax.tif": encoded(chart(333, 77), "TIFF"),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in made]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_bytes_are_those_of_single_calls_on_every_number_of_threads(pictures: list[Path], threads: int) -> None:
    expected = {path: pillion.thumbnail(path, VARIANTS) for path in pictures}
    for _ in range(3):
        many = [path for path in pictures for _ in range(4)]
        back = list(thumbnail_batch(many, VARIANTS, threads=threads))
        assert sorted(path for path, _ in back) == sorted(many)
        for path, made in back:
            assert made == expected[path], path


def test_bad_files_are_values_and_stop_nothing(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (tmp_path / "text.txt").write_text("hello")
    bad = {
        tmp_path / "bad.jpg": ErrorClass.CORRUPT,
        tmp_path / "gone.jpg": ErrorClass.MISSING_SOURCE,
        tmp_path / "text.txt": ErrorClass.UNSUPPORTED,
        tmp_path: ErrorClass.UNSUPPORTED,
    }
    back = dict(thumbnail_batch([*bad, *pictures], VARIANTS))
    assert {path: made.error_class for path, made in back.items() if isinstance(made, ItemError)} == bad
    assert all(set(back[path]) == set(VARIANTS) for path in pictures)  # type: ignore[arg-type]


def test_paths_are_taken_only_as_threads_get_free(pictures: list[Path]) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield pictures[taken % len(pictures)]

    batch = thumbnail_batch(endless(), VARIANTS, threads=2)
    for back, _ in enumerate(batch):
        assert taken <= back + 4
        if back == 10:
            break


def test_leaving_it_ends_its_threads(pictures: list[Path]) -> None:
    before = _thread_names()
    batch = _core.thumbnail_batch([str(path) for path in pictures] * 50, [("a", 100, 80)], threads=2, method=6)
    next(batch)
    assert _thread_names() - before
    batch.close()
    assert not _thread_names() - before
    assert list(batch) == []
    other = thumbnail_batch(pictures * 50, VARIANTS, threads=2)
    next(other)
    del other
    assert not _thread_names() - before


def _thread_names() -> set[str]:
    """Ids of this process's threads of a batch, as the kernel names them."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("no /proc here")
    return {task.name for task in tasks.iterdir() if (task / "comm").read_text().startswith("thumbnails-")}


def test_what_the_iterable_raises_comes_out(pictures: list[Path]) -> None:
    def broken() -> Iterator[Path]:
        yield pictures[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(thumbnail_batch(broken(), VARIANTS))
    with pytest.raises(TypeError):
        list(thumbnail_batch([3], VARIANTS))  # type: ignore[type-var]


def test_mistakes_are_named_at_once() -> None:
    with pytest.raises(UsageError, match="no thumbnail variant 'huge'"):
        thumbnail_batch([], ["huge"])
    with pytest.raises(ValueError, match="method at most 6"):
        _core.thumbnail_batch([], [("a", 10, 80, 7)])
    assert list(thumbnail_batch([])) == []


def test_the_method_of_a_spec_counts() -> None:
    data = encoded(chart(400, 300), "JPEG")
    one, other = ("a", 300, 80, 0), ("b", 300, 80, 4)
    both = _core.thumbnails(data, [one, other])
    assert [len(made.data) for made in both] == [
        len(_core.thumbnails(data, [("a", 300, 80)], method=method)[0].data) for method in (0, 4)
    ]
    assert both[0].data != both[1].data


def test_ctrl_c_ends_the_wait(pictures: list[Path]) -> None:
    program = (
        "import itertools, sys, pillion\n"
        "batch = pillion.thumbnail_batch(itertools.repeat(sys.argv[1]), threads=2)\n"
        "next(batch)\n"
        "try:\n"
        "    print('running', flush=True)\n"
        "    for _ in batch: pass\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(pictures[0])], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert (said, process.returncode) == ("stopped\n", 0)
    finally:
        process.kill()


def test_files_of_all_sorts_come_back(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("hello")
    back = dict(file_thumbnail_batch([tmp_path / "bad.txt", tmp_path / "gone", *pictures], VARIANTS))
    failed = {path.name: made.error_class for path, made in back.items() if isinstance(made, ItemError)}
    assert failed == {"bad.txt": ErrorClass.UNSUPPORTED, "gone": ErrorClass.MISSING_SOURCE}
    assert len(back) == len(pictures) + 2


def test_two_threads_of_the_caller_may_each_have_one(pictures: list[Path]) -> None:
    counts: list[int] = []

    def use() -> None:
        counts.append(sum(1 for _ in thumbnail_batch(pictures * 3, VARIANTS, threads=2)))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [len(pictures) * 3] * 2
