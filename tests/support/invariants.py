"""The design's promises 1 to 4, checked from files and catalog alone, apart from the engine's own code."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pysqlite3
from blake3 import blake3


def check_invariants(library: Path, *, finished: bool) -> None:
    """Raise AssertionError for what is wrong. ``finished``: nothing may be pending or running any more."""
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)
    connection.row_factory = pysqlite3.Row
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        _check_sidecars(connection, library, finished=finished)
        _check_jobs(connection, finished=finished)
    finally:
        connection.close()


def _check_sidecars(connection: sqlite3.Connection, library: Path, *, finished: bool) -> None:
    known = set()
    for row in connection.execute("SELECT * FROM sidecars"):
        name = f"{row['content_uuid']} {row['kind']} {row['variant']}"
        if row["status"] == "ready":
            data = (library / "sidecars" / row["rel_path"]).read_bytes()
            assert len(data) == row["size"], f"{name}: size"
            assert blake3(data).hexdigest() == row["checksum"], f"{name}: bytes"
            known.add(row["rel_path"])
        elif row["status"] in ("failed", "unsupported"):
            assert row["error_class"], f"{name}: no reason"
        elif row["status"] == "pending":
            assert not finished, f"{name}: still pending"
            job = connection.execute(
                "SELECT state FROM jobs WHERE content_uuid = ? AND kind = ?", (row["content_uuid"], row["kind"])
            ).fetchone()
            assert job is not None, f"{name}: pending without a job"
            assert job["state"] in ("queued", "running", "waiting"), f"{name}: pending, but its job is {job['state']}"
    if finished:
        _check_files(library, known)


def _check_files(library: Path, known: set[str]) -> None:
    below = library / "sidecars"
    there = {str(path.relative_to(below)) for path in below.rglob("*") if path.is_file()}
    strays = {path for path in there - known if not path.endswith("manifest.json")}
    assert strays == set(), f"files that no ready sidecar has: {strays}"
    assert list((library / "staging").iterdir()) == [], "something is left in staging"


def _check_jobs(connection: sqlite3.Connection, *, finished: bool) -> None:
    states = {row[0] for row in connection.execute("SELECT DISTINCT state FROM jobs")}
    if finished:
        assert states <= {"done", "failed", "cancelled"}, f"jobs are left: {states}"
