"""Files that magic bytes do not tell: the engine of the type that the name claims decides; the others are listed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import pillion
from pillion.catalog import queue as catalog_queue
from pillion.job import Place
from pillion.library import Library
from pillion.model import SidecarKind, SidecarStatus
from tests.support.program import run, run_json

NOISE = random.Random(5).randbytes(4000)


def write_h263(path: Path) -> Path:
    """A film without any mark: H.263 as a bare stream."""
    with av.open(str(path), "w", format="h263") as container:
        stream = container.add_stream("h263", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 352, 288, "yuv420p"
        picture = np.full((288, 352, 3), (200, 30, 30), dtype=np.uint8)
        picture[:, 176:] = (30, 30, 200)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_h263(folder / "film.h263")
    for number, name in enumerate(("noise.jpg", "a.foo", "b.FOO", "no ending", "tape.ts")):
        (folder / name).write_bytes(NOISE[number:])
    (folder / "program").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(100))
    (folder / "same-as-a.foo").write_bytes(NOISE[1:])
    path = tmp_path_factory.mktemp("library")
    run_json("index", folder, "--library", path, "--kinds", "thumb")
    return path


def test_jobs_go_behind_by_the_type_that_their_file_is_taken_for(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "tape.ts").write_bytes(NOISE)
    with Library.open(tmp_path / "library", create=True, policy="mobile") as opened:
        opened.add_location(tmp_path / "files")
        opened.index()
        with opened._database.write() as connection:
            (job,) = catalog_queue.claim(connection, SidecarKind("thumb"), owner="o", token="t", now=0.0, limit=9)
            catalog_queue.rescue(connection, "o", 0.0)
            assert catalog_queue.move_types(connection, job.kind, [job.mime], Place.BEHIND, 0.0) == 1


def test_the_engine_decides_where_the_name_alone_speaks(library: Path) -> None:
    with Library.open(library) as opened:
        states = {Path(item.sources[0]).name: item for item in opened.ls(kind="thumb")}
    assert set(states) == {"film.h263", "noise.jpg", "tape.ts"}
    assert states["film.h263"].state is SidecarStatus.READY
    for name in ("noise.jpg", "tape.ts"):
        assert states[name].state in (SidecarStatus.UNSUPPORTED, SidecarStatus.FAILED)
        assert states[name].error is not None


def test_a_claimed_type_counts_for_a_file_alone_too(tmp_path: Path) -> None:
    film = write_h263(tmp_path / "a.h263")
    assert pillion.file_thumbnail(film)["grid@2x"][8:12] == b"WEBP"


def test_what_is_of_no_known_type_is_counted_and_listed(library: Path) -> None:
    assert run_json("status", "--library", library)["unknown"] == {"files": 4, "endings": {".foo": 3, "": 1}}
    shown = run("status", "--library", library).stdout
    assert "4 files are of no known type, so nothing is made (3 .foo, 1 without an ending)" in shown
    failed = run("failed", "--library", library, "--class", "oom").stdout
    assert "known type" not in failed
    assert "pillion ls --unknown" in run("failed", "--library", library).stdout
    lines = run("ls", "--unknown", "--library", library).stdout.splitlines()
    assert len(lines) == 3  # two of the files are the same content
    rows = _rows("ls", "--unknown", library=library)
    assert {row["state"] for row in rows} == {"unknown"}
    names = sorted(Path(source).name for row in rows for source in row["sources"])
    assert names == ["a.foo", "b.FOO", "no ending", "same-as-a.foo"]
    refused = run("ls", "--unknown", "--kind", "thumb", "--library", library)
    assert refused.returncode == 2


def test_every_file_has_a_row(library: Path) -> None:
    rows = _rows("ls", library=library)
    names = {Path(source).name for row in rows for source in row["sources"]}
    assert names == {
        "film.h263",
        "noise.jpg",
        "a.foo",
        "b.FOO",
        "no ending",
        "tape.ts",
        "program",
        "same-as-a.foo",
    }
    states = {Path(row["sources"][0]).name: row["state"] for row in rows if row["kind"] is None}
    assert states == {"a.foo": "unknown", "b.FOO": "unknown", "no ending": "unknown", "program": "none"}


def test_the_claim_of_another_name_of_the_content_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    film = write_h263(folder / "b.h263").read_bytes()
    (folder / "a").write_bytes(film)
    with Library.open(tmp_path / "library") as opened:
        opened.index(folder, kinds=["thumb"])
        (folder / "c").write_bytes(film)
        report = opened.index(folder, kinds=["thumb"])
        assert report.queued == 0
        opened.run(kinds=["thumb"])
        assert {item.state for item in opened.ls(kind="thumb")} == {SidecarStatus.READY}
        assert opened.unknown() == {}


def _rows(*arguments: str, library: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--library", library, "--json").stdout.splitlines()]
