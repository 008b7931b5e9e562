"""A library worked on a real Dask cluster whose workers and scheduler are killed: nothing is lost or done twice."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library
from pillion.events import Failed, Ready
from pillion.model import SidecarStatus
from tests.support import dask, napping, photos, program
from tests.support.waiting import wait_until

PICTURES = 160
FEW = 24
SHORT_WAIT = "from pillion.cluster import client; client._CONNECT_S = 3.0"
"""For a scheduler that is not there, or not there again."""

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dask.Cluster]:
    with dask.running(tmp_path / "dask") as started:
        yield started


def _write(folder: Path, number: int) -> Path:
    folder.mkdir()
    for seed in range(number):
        photos.write_photo(folder / f"{seed}.jpg", seed=seed, size=(160, 120))
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """So many that they last while programs are killed."""
    return _write(tmp_path / "pictures", PICTURES)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    return _write(tmp_path / "pictures", FEW)


def _library(tmp_path: Path, pictures: Path) -> Path:
    root = tmp_path / "library"
    with Library.open(root, policy="mobile") as library:
        library.index(pictures, kinds=["thumb"])
    return root


def _start(root: Path, cluster: dask.Cluster, *more: str, changes: str = "") -> subprocess.Popen[str]:
    command = [*program.changed(changes), "work", "--library", str(root), "--kinds", "thumb"]
    command += ["--dask", cluster.address, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _read_until(working: subprocess.Popen[str], text: str) -> None:
    assert working.stdout is not None
    lines = list(itertools.takewhile(lambda line: text not in line, working.stdout))
    assert working.poll() is None, "".join(lines)


def _ready(root: Path) -> int:
    with Library.open(root) as library:
        return library.status().sidecars["thumb"].get(SidecarStatus.READY, 0)


def _ends_well(root: Path, number: int = PICTURES) -> None:
    """All is ready, told once, charged no try, and whole."""
    with Library.open(root) as library:
        assert Counter(item.state for item in library.ls(kind="thumb")) == {SidecarStatus.READY: 2 * number}
        told = Counter(event.content_uuid for event in library.events() if isinstance(event, Ready))
        failed = [event for event in library.events() if isinstance(event, Failed)]
        assert library.verify() == []
    assert (len(told), set(told.values()), failed) == (number, {1}, [])


def test_outlasts_the_death_of_a_worker_and_of_the_scheduler(
    cluster: dask.Cluster, pictures: Path, tmp_path: Path
) -> None:
    root = _library(tmp_path, pictures)
    for _ in range(2):
        cluster.add_worker(preload=napping.MODULE)
    with _start(root, cluster, "-v") as working:
        wait_until(lambda: _ready(root) > 0, "the first pictures")
        cluster.kill(cluster.workers[0])
        wait_until(lambda: _ready(root) >= PICTURES // 2, "a quarter of the pictures")
        cluster.kill(cluster.scheduler)
        cluster.kill(cluster.workers[1])
        # One that is back before anybody looks was not away.
        _read_until(working, "goes back to the queue; it is tried again for 600 s")
        cluster.restart_scheduler()
        cluster.add_worker(preload=napping.MODULE)
        said = working.communicate(timeout=120)[0]
    assert working.returncode == 0, said
    assert f"The Dask scheduler at {cluster.address} is back" in said
    _ends_well(root)


def test_a_scheduler_that_stays_away_ends_the_run_with_a_code(
    cluster: dask.Cluster, pictures: Path, tmp_path: Path
) -> None:
    root = _library(tmp_path, pictures)
    cluster.add_worker(preload=napping.MODULE)
    with _start(root, cluster, "--dask-wait", "1", changes=SHORT_WAIT) as working:
        wait_until(lambda: _ready(root) > 0, "the first pictures")
        cluster.stop()
        said = working.communicate(timeout=120)[0]
    assert working.returncode == 4, said
    assert "was away for 1 s; run again when it is back. Nothing is lost." in said
    with Library.open(root) as library:
        states = {item.state for item in library.ls(kind="thumb")}
    assert states == {SidecarStatus.READY, SidecarStatus.PENDING}
    assert program.run("work", "--library", root, "--kinds", "thumb").returncode == 0
    _ends_well(root)


def test_nobody_at_the_address_is_said_at_once(tmp_path: Path, few: Path) -> None:
    root = _library(tmp_path, few)
    command = [*program.changed(SHORT_WAIT), "work", "--library", str(root), "--dask", "tcp://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 4
    assert "The Dask scheduler at tcp://127.0.0.1:1 does not answer" in done.stderr


def test_a_machine_without_the_folder_gets_the_files_brought(cluster: dask.Cluster, few: Path, tmp_path: Path) -> None:
    photos.photo(99, (2400, 1600)).save(few / "large.bmp")
    root = _library(tmp_path, few)
    with Library.open(root) as library:
        library.map_location(few, tmp_path / "nowhere", host="without")
    cluster.add_worker(host="without")
    with _start(root, cluster) as working:
        said = working.communicate(timeout=120)[0]
    assert working.returncode == 0, said
    _ends_well(root, FEW + 1)


def test_a_file_that_kills_its_process_fails_alone(cluster: dask.Cluster, few: Path, tmp_path: Path) -> None:
    photos.write_photo(few / "killer.jpg", seed=1000, size=(160, 120))
    root = _library(tmp_path, few)
    cluster.add_worker(threads=2, preload=napping.MODULE)
    with _start(root, cluster) as working:
        said = working.communicate(timeout=200)[0]
    assert working.returncode == 0, said
    assert cluster.workers[0].poll() is None
    with Library.open(root) as library:
        states = Counter(item.state for item in library.ls(kind="thumb"))
        (failed,) = {event.error_class for event in library.events() if isinstance(event, Failed)}
    assert states == {SidecarStatus.READY: 2 * FEW, SidecarStatus.FAILED: 2}
    assert failed == "crash"
    assert not list(Path(os.fspath(root), "staging").glob("*:*"))


OTHER_VERSION = """
from pillion.cluster import worker

worker.PROTOCOL = "cluster 2/0.0.1"
"""


def test_workers_of_another_version_end_the_run_with_a_code(cluster: dask.Cluster, few: Path, tmp_path: Path) -> None:
    root = _library(tmp_path, few)
    older = tmp_path / "older.py"
    older.write_text(OTHER_VERSION)
    cluster.add_worker(preload=str(older))
    with _start(root, cluster) as working:
        said = working.communicate(timeout=120)[0]
    assert working.returncode == 1, said
    assert "speaks cluster 2/0.0.1, not " in said
    assert "have one version of Pillion everywhere" in said
    assert "Traceback" not in said
    # One of this version does it all, and the other is given nothing.
    cluster.add_worker()
    with _start(root, cluster) as working:
        said = working.communicate(timeout=120)[0]
    assert working.returncode == 0, said
    _ends_well(root, FEW)
