"""The design's promises 1 to 4, checked from files and catalog alone, apart from the engine's own code."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pysqlite3
from blake3 import blake3

MAX_ATTEMPTS = 6
"""Of any job; 3 of those classes that may take a worker with them."""

HARMFUL = ("timeout", "oom", "crash")
OPEN_STATES = ("queued", "running", "waiting")
ERROR_CLASSES = (
    *("corrupt", "unsupported", "too_large", "timeout", "oom", "crash"),
    *("missing_tool", "missing_source", "changed_source", "io_transient", "disk_full"),
)
KIND_FOLDERS = {"thumb": "thumbs", "thumbstrip": "thumbstrips", "proxy": "proxies"} | {
    kind: kind for kind in ("text", "ocr", "transcript", "embeddings", "picture-embeddings")
}
EXTENSIONS = {"webp": "webp", "json": "json", "messagepack": "msgpack", "webm": "webm"}

SourceState = Mapping[str, tuple[object, ...]]
"""Path -> (inode, mode, links, size, mtime, ctime in ns, BLAKE3 of the bytes or the link's target)."""

FileState = Mapping[str, tuple[int, int]]
"""Path of a sidecar file -> (inode, mtime in ns)."""


# Promise 1: the user's files -----------------------------------------------------------------------------------------


def source_state(folder: Path) -> SourceState:
    """Everything below ``folder`` as it is now, itself included.

    The change time is in it, so that nothing that was done to a file, not even what was undone again, goes unseen.
    """
    found = {}
    for path in [folder, *folder.rglob("*")]:
        stat = path.lstat()
        if path.is_symlink():
            bytes_: object = os.readlink(path)
        else:
            bytes_ = blake3(path.read_bytes()).hexdigest() if path.is_file() else None
        found[str(path)] = (
            stat.st_ino,
            stat.st_mode,
            stat.st_nlink,
            stat.st_size,
            stat.st_mtime_ns,
            stat.st_ctime_ns,
            bytes_,
        )
    return found


def check_untouched(before: SourceState, folder: Path) -> None:
    """Raise AssertionError unless everything below ``folder`` is as it was."""
    now = source_state(folder)
    changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    assert changed == [], f"the user's files were touched: {changed}"


# Promise 4: nothing is made twice ------------------------------------------------------------------------------------


def visible_files(library: Path) -> FileState:
    """The sidecar files (not the manifests) at their final paths."""
    found = {}
    for path in (library / "sidecars").rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            stat = path.stat()
            found[str(path)] = (stat.st_ino, stat.st_mtime_ns)
    return found


def check_not_made_again(before: FileState, library: Path) -> None:
    """Raise AssertionError if a file that was there then is gone or is another file now."""
    now = visible_files(library)
    again = sorted(path for path, state in before.items() if now.get(path) != state)
    assert again == [], f"made twice, or lost: {again}"


# Promises 2 and 3: what is visible is whole, and nothing is lost ------------------------------------------------------


def has_catalog(library: Path) -> bool:
    """Whether there is a catalog with its tables; a crash before the first migration ends leaves none.

    Opened for writing: what such a crash leaves in the journal is rolled back by whoever looks first.
    """
    if not (library / "catalog.sqlite").exists():
        return False
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=rw", uri=True)
    try:
        return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sidecars'").fetchone() is not None
    finally:
        connection.close()


def check_invariants(library: Path, *, finished: bool) -> None:
    """Raise AssertionError for what is wrong. ``finished``: nothing may be pending or running any more."""
    connection = pysqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)
    connection.row_factory = pysqlite3.Row
    try:
        _check_catalog(connection)
        check = _Check(connection, library, finished)
        check.sidecars()
        check.jobs()
        check.manifests()
        check.files()
        if finished:
            check.all_queued()
    finally:
        connection.close()


def _check_catalog(connection: sqlite3.Connection) -> None:
    wrong = connection.execute("PRAGMA integrity_check").fetchone()[0]
    assert wrong == "ok", f"the database is damaged: {wrong}"
    lost = connection.execute("PRAGMA foreign_key_check").fetchall()
    assert lost == [], f"{len(lost)} rows refer to one that is not there"


@dataclass
class _Check:
    connection: sqlite3.Connection
    library: Path
    finished: bool
    ready: dict[str, dict[str, sqlite3.Row]] = field(default_factory=dict)
    """content uuid -> path of the file -> the row that is ready"""

    def _jobs_of(self, row: sqlite3.Row) -> sqlite3.Row | None:
        query = "SELECT * FROM jobs WHERE content_uuid = ? AND kind = ?"
        found: sqlite3.Row | None = self.connection.execute(query, (row["content_uuid"], row["kind"])).fetchone()
        return found

    def sidecars(self) -> None:
        for row in self.connection.execute("SELECT * FROM sidecars"):
            name = f"{row['content_uuid']} {row['kind']} {row['variant']}"
            if _is_due(row):
                self._due(name, row)
            if row["status"] == "ready":
                self._ready(name, row)
            elif row["status"] in ("failed", "unsupported"):
                assert row["error_class"] in ERROR_CLASSES, f"{name}: no reason"
                assert row["error_message"], f"{name}: no words"
                self._in_ledger(name, row)

    def _due(self, name: str, row: sqlite3.Row) -> None:
        job = self._jobs_of(row)
        assert job is not None, f"{name}: due without a job"
        if job["state"] == "cancelled" and row["status"] == "ready":
            return  # It is stale, and stays so: that is what the user asked for.
        assert not self.finished, f"{name}: still to be made"
        assert job["state"] in OPEN_STATES, f"{name}: due, but its job is {job['state']}"

    def _ready(self, name: str, row: sqlite3.Row) -> None:
        if row["error_class"] is not None:
            # It could not be made again, and is kept as it was.
            assert row["error_message"], f"{name}: no words"
            assert row["recipe"] != row["wanted"], f"{name}: ready as wanted, with an error"
            self._in_ledger(name, {**row, "recipe": row["wanted"]})
        assert row["rel_path"] == _path_of(row), f"{name}: at the wrong place"
        due = _is_due(row)
        data = (self.library / "sidecars" / row["rel_path"]).read_bytes()
        # A crash while a stale file is replaced leaves the new one; its manifest, which is older, knows it.
        whole = (len(data), blake3(data).hexdigest()) == (row["size"], row["checksum"])
        assert whole or (due and self._is_listed(row, data)), f"{name}: its bytes are not those it was made with"
        self.ready.setdefault(row["content_uuid"], {})[row["rel_path"]] = row
        here = self.connection.execute(
            "SELECT has, size, checksum FROM sidecar_availability WHERE content_uuid = ? AND kind = ? AND variant = ?",
            (row["content_uuid"], row["kind"], row["variant"]),
        ).fetchall()
        assert (1, row["size"], row["checksum"]) in [tuple(item) for item in here], f"{name}: on no device"

    def _in_ledger(self, name: str, row: Mapping[str, Any] | sqlite3.Row) -> None:
        """The ledger knows the failure, with its class, and knows of no end to it."""
        entry = self.connection.execute(
            "SELECT * FROM failures WHERE content_uuid = ? AND kind = ? AND variant = ? AND recipe = ?",
            (row["content_uuid"], row["kind"], row["variant"], row["recipe"]),
        ).fetchone()
        assert entry is not None, f"{name}: failed, and not in the ledger"
        assert entry["error_class"] == row["error_class"], f"{name}: the ledger says {entry['error_class']}"
        assert entry["resolved_at"] is None, f"{name}: failed, and resolved in the ledger"
        most = 3 if entry["error_class"] in HARMFUL else MAX_ATTEMPTS
        assert entry["attempts"] <= most, f"{name}: {entry['attempts']} attempts in the ledger"
        assert entry["first_at"] <= entry["last_at"], f"{name}: failed last before it failed first"

    def _is_listed(self, row: sqlite3.Row, data: bytes) -> bool:
        listed = _listed(self.library, row["content_uuid"]).get(row["rel_path"])
        if listed is None or listed["recipe"] != row["wanted"]:
            return False
        return (len(data), blake3(data).hexdigest()) == (listed["size"], listed["checksum"])

    def jobs(self) -> None:
        for job in self.connection.execute("SELECT * FROM jobs"):
            name = f"job {job['id']} ({job['kind']} of {job['content_uuid']})"
            leased = [job[column] is not None for column in ("lease_owner", "lease_token", "lease_deadline")]
            assert leased == [job["state"] == "running"] * 3, f"{name}: {job['state']}, leased {leased}"
            assert 0 <= job["attempts"] <= MAX_ATTEMPTS, f"{name}: {job['attempts']} attempts"
            if job["state"] in OPEN_STATES:
                assert not self.finished, f"{name}: still {job['state']}"
                assert self._is_due(job), f"{name}: {job['state']}, with nothing to do"
            elif job["state"] == "failed":
                assert job["error_class"] in ERROR_CLASSES, f"{name}: failed without a reason"
            if job["state"] == "waiting":
                assert job["kind"] == "embeddings", f"{name}: waits for nothing"

    def _is_due(self, job: sqlite3.Row) -> bool:
        rows = self.connection.execute(
            "SELECT * FROM sidecars WHERE content_uuid = ? AND kind = ?", (job["content_uuid"], job["kind"])
        )
        return any(map(_is_due, rows))

    def manifests(self) -> None:
        """Each is well formed and about its own content; it lists all that is ready, and at the end no more."""
        for path in (self.library / "sidecars").rglob("manifest.json"):
            uuid = path.parent.name
            data = json.loads(path.read_bytes())
            assert data["content_uuid"] == uuid, f"{path}: of another content"
            known = self.connection.execute("SELECT hash, size, mime FROM contents WHERE content_uuid = ?", (uuid,))
            row = known.fetchone()
            assert row is not None or not self.finished, f"{path}: of a content that nobody knows"
            if row is not None:
                assert tuple(row) == (data["hash"], data["size"], data["mime"]), f"{path}: of other bytes"
            assert data["hash"] is None or uuid == _uuid_of(data["hash"]), f"{path}: its hash has another uuid"
        for uuid, rows in self.ready.items():
            listed = _listed(self.library, uuid)
            for rel_path, row in rows.items():
                assert rel_path in listed, f"{rel_path}: not in its manifest"
                if row["recipe"] == row["wanted"]:
                    wrong = [name for name in _LISTED if row[name] != listed[rel_path][name]]
                    assert wrong == [], f"{rel_path}: its manifest says another {wrong}"
            if self.finished:
                assert listed.keys() == rows.keys(), f"{uuid}: its manifest lists what is not there"

    def files(self) -> None:
        """No file is anywhere but where a ready row has it, or (before the end) where its manifest proves it whole."""
        known = {rel_path for rows in self.ready.values() for rel_path in rows}
        for rel_path in self._files_below("sidecars"):
            if rel_path in known or rel_path.endswith("/manifest.json"):
                continue
            assert not self.finished, f"{rel_path}: no ready sidecar has this file"
            listed = _listed(self.library, rel_path.split("/")[3]).get(rel_path)
            assert listed is not None, f"{rel_path}: not in its manifest"
            data = (self.library / "sidecars" / rel_path).read_bytes()
            whole = (listed["size"], listed["checksum"])
            assert (len(data), blake3(data).hexdigest()) == whole, f"{rel_path}: not whole"
        if self.finished:
            assert list(self._files_below("staging")) == [], "something is left in staging"

    def _files_below(self, name: str) -> Iterator[str]:
        below = self.library / name
        return (str(path.relative_to(below)) for path in below.rglob("*") if not path.is_dir())

    def all_queued(self) -> None:
        left = self.connection.execute("SELECT path FROM entries WHERE queued = 0 AND removed_at IS NULL").fetchall()
        assert left == [], f"entries that queueing never looked at: {[row[0] for row in left]}"


def _is_due(row: sqlite3.Row) -> bool:
    kept = row["status"] == "ready" and row["error_class"] is not None
    return row["recipe"] != row["wanted"] and row["status"] != "cancelled" and not kept


_LISTED = ("kind", "variant", "format", "size", "checksum", "recipe")


def _path_of(row: sqlite3.Row) -> str:
    """Where the design puts a sidecar."""
    uuid = row["content_uuid"]
    folder = f"content/{uuid[:2]}/{uuid[2:4]}/{uuid}/{KIND_FOLDERS[row['kind']]}"
    return f"{folder}/{row['variant']}.{EXTENSIONS[row['format']]}"


def _uuid_of(digest: str) -> str:
    """A version 8 UUID (RFC 9562) of a hash's first 16 bytes."""
    raw = bytearray.fromhex(digest[:32])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _listed(library: Path, uuid: str) -> dict[str, Any]:
    """What a content's manifest lists, by path."""
    path = library / "sidecars" / "content" / uuid[:2] / uuid[2:4] / uuid / "manifest.json"
    assert path.exists(), f"{uuid}: it has files and no manifest"
    return {item["rel_path"]: item for item in json.loads(path.read_bytes())["sidecars"]}
