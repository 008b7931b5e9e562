"""What the commands print, for people and as JSON."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pillion.cli.options import printable
from pillion.errors import PillionError, is_full
from pillion.quoting import harmless

if TYPE_CHECKING:
    from pathlib import Path

    from pillion.catalog.contents import Unmade
    from pillion.index.indexer import IndexReport
    from pillion.library import Library
    from pillion.library.sidecars import Item
    from pillion.library.status import Status
    from pillion.model import SidecarKind, SidecarStatus

SHOWN_FAILURES = 10
KEPT = "the old one is kept"
"""What is said of a ready sidecar that could not be made again."""
_MARKS = {
    "truncated": "their files end early, so they show only a part",
    "damaged": "their files are damaged, and they show what a decoder makes of them",
    "partial": "parts of their files were left out; the notes in them say which and why",
}
_STATUSES = ("ready", "empty", "unsupported", "failed", "cancelled", "pending")


def print_json(value: Any) -> None:
    """One JSON value on a line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")


def say(text: str = "") -> None:
    """A line for people on stdout."""
    print(harmless(text))


def note(text: str) -> None:
    """A line for people on stderr, unless they asked for quiet."""
    if not _quiet:
        warn(text)


def warn(text: str, end: str = "\n") -> None:
    """A line for people on stderr in any case: an error. Where none can be written, as on a full disk, what the
    command does goes on.
    """
    with suppress(OSError):
        print(harmless(text), end=end, file=sys.stderr, flush=True)


_quiet = False


def be_quiet() -> None:
    """Print only errors, and what a command is asked for, from now on."""
    global _quiet
    _quiet = True


def is_quiet() -> bool:
    """Whether only errors are wanted."""
    return _quiet


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Gives a path beside ``target`` to write to, which takes its place at the end: so it is whole, or not there."""
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        if is_full(error) or error.filename not in (part, str(part)):
            raise
        raise PillionError(f"Cannot write {printable(str(target))}: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def print_table(rows: Sequence[Sequence[str]], *, right: Container[int] = ()) -> None:
    """Rows of cells in columns, of which those in ``right`` are set flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join(cells).rstrip())


def sidecar_counts(counts: Mapping[SidecarKind, Mapping[SidecarStatus, int]]) -> dict[str, dict[str, int]]:
    """Every kind with every status, zeros included; kinds that are not known here come last."""
    from pillion.kinds import registry
    from pillion.model import SidecarStatus

    return {
        kind: {name: counts.get(kind, {}).get(SidecarStatus(name), 0) for name in _STATUSES}
        for kind in dict.fromkeys([*registry.names(), *counts])
    }


def index_json(library: Library, report: IndexReport, generation_s: float) -> dict[str, Any]:
    """The object that ``index --json`` ends with."""
    return {
        "library": str(library.root),
        "files": report.files,
        "contents": report.contents,
        "new": report.new,
        "changed": report.changed,
        "removed": report.removed,
        "moved": report.moved,
        "offline": [{"path": os.fsdecode(path), "why": why} for path, why in report.offline],
        "links": [os.fsdecode(path) for path in report.links],
        "file_links": report.file_links,
        "hashed": report.hashed,
        "queued": report.queued,
        "sidecars": sidecar_counts(library.status().sidecars),
        "problems": [
            {"path": os.fsdecode(path), "class": error_class, "message": message}
            for path, error_class, message in report.problems
        ],
        "seconds": {
            **{phase: round(seconds, 4) for phase, seconds in report.seconds.items()},
            "generation": round(generation_s, 4),
        },
    }


def print_counts(counts: Mapping[SidecarKind, Mapping[SidecarStatus, int]]) -> None:
    """Kinds down, statuses across."""
    rows = sidecar_counts(counts)
    shown = [name for name in _STATUSES if name != "cancelled" or any(row[name] for row in rows.values())]
    lines = [(kind, *(f"{row[name]:,}" if row[name] else "-" for name in shown)) for kind, row in rows.items()]
    print_table([("", *shown), *lines], right=range(1, len(shown) + 1))


def print_index(library: Library, report: IndexReport, generation_s: float) -> None:
    """The summary of an index run for people."""
    indexing = sum(report.seconds.values())
    say(
        f"{report.files:,} files, {report.contents:,} contents: {report.new:,} new, {report.changed:,} changed, "
        f"{report.removed:,} removed; {report.queued:,} jobs queued in {indexing:.2f} s."
    )
    if generation_s:
        say(f"Sidecars made in {generation_s:.1f} s.")
    now = library.status()
    print_counts(now.sidecars)
    if now.unknown:
        say(unknown_line(now.unknown))
    for path, error_class, message in report.problems[:SHOWN_FAILURES]:
        say(f"left out: {printable(path)}: {error_class}: {message}")
    if len(report.problems) > SHOWN_FAILURES:
        say(f"... and {len(report.problems) - SHOWN_FAILURES:,} more; --json lists all.")
    if report.system:
        names = ", ".join(sorted({printable(path.rpartition(b"/")[2]) for path in report.system})[:SHOWN_FAILURES])
        say(f"{len(report.system):,} folders of the system were left out ({names}); see discovery.system_folders.")
    if report.links:
        names = ", ".join(printable(path) for path in report.links[:SHOWN_FAILURES])
        links, were = ("link to a folder", "was") if len(report.links) == 1 else ("links to folders", "were")
        say(f"{len(report.links):,} {links} {were} not followed ({names}); see discovery.follow_links.")
    if report.file_links:
        links, were = ("link to a file", "was") if report.file_links == 1 else ("links to files", "were")
        say(f"{report.file_links:,} {links} {were} not followed; see discovery.follow_links.")
    print_failures(library)
    say(f"Library: {printable(library.root)}")


def note_offline(report: IndexReport, library: Path | str | None) -> None:
    """What to do about each Location whose files cannot be seen. ``library``: as the command names it."""
    named = "" if library is None else f" --library {shlex.quote(printable(library))}"
    for path, why in report.offline:
        shown = printable(path)
        # What is not there cannot be looked through for what is missing in it.
        command = "index {} --accept-removals" if os.path.isdir(path) else "locations remove {}"
        note(
            f"Warning: {shown} is offline: {why}. Is its disk mounted? Its entries and sidecars are kept as they are. "
            f"If the files are really gone: pillion {command.format(shlex.quote(shown))}{named}"
        )


def print_failures(library: Library) -> None:
    """The first failures of files that are there, one line for each content and kind."""
    from pillion.model import SidecarStatus

    bad = library.sidecars.items(statuses=[SidecarStatus.FAILED, SidecarStatus.UNSUPPORTED], kept=True)
    seen: dict[tuple[str, str], Item] = {}
    for item in filter(lambda item: item.sources, bad):
        seen.setdefault((item.content_uuid, item.kind), item)
        if len(seen) > SHOWN_FAILURES:
            say("... and more: see 'pillion failed'.")
            return
        if seen[item.content_uuid, item.kind] is item:
            say(failure_line(item))


def failure_line(item: Item) -> str:
    """``thumb failed: /a/b.jpg: corrupt: the picture ends early``"""
    error = item.error or {}
    name = named(item.content_uuid, item.sources)
    state = f"failed, {KEPT}" if item.where else item.state
    return f"{item.kind} {state}: {name}: {error.get('class')}: {error.get('message')}"


def named(content_uuid: str, sources: Sequence[str]) -> str:
    """A content by its first file."""
    if not sources:
        return f"content {content_uuid} (no file any more)"
    more = f" (and {len(sources) - 1} more)" if len(sources) > 1 else ""
    return printable(sources[0]) + more


def print_status(status: Status) -> None:
    """The status for people."""
    from pillion.kinds import registry
    from pillion.library.status import offline_notice

    say(f"Library {printable(status.root)}")
    for location in status.locations:
        say(f"  {printable(location.path)}{f'  offline: {location.offline}' if location.offline else ''}")
    totals = status.totals
    say(f"{totals.files:,} files, {totals.contents:,} contents, {totals.unidentified:,} files that could not be read")
    if status.unknown:
        say(unknown_line(status.unknown))
    print_counts(status.sidecars)
    for kind, number in status.kept.items():
        say(
            f"{number:,} ready {kind} sidecars could not be made again, and are kept as they were: see 'pillion failed'"
        )
    for mark, number in status.marks.items():
        say(f"{number:,} ready sidecars are marked {mark}: {_MARKS[mark]}")
    for held in status.pauses:
        where = f" in {printable(held.location)}" if held.location else ""
        say(f"Paused by you: {held.kind or 'everything'}{where}; 'pillion resume' ends it.")
    for text in (*registry.notices().values(), *status.unknown_settings):
        say(text)
    for item in status.quiet:
        say(f"{item.kind}{f' in {printable(item.location)}' if item.location else ''} {item}.")
    for kind, number in status.offline_jobs.items():
        say(f"{kind}: {offline_notice(number)}")
    for hold in status.holds:
        say(f"On hold: {hold.kind or 'everything'}: {hold.notice}")
    for kind, line in status.queue.items():
        parts = [f"{number:,} {state}" for state, number in line.counts.items() if state != "done"]
        if parts:
            say(f"{kind} jobs: {', '.join(parts)}")


def print_items(items: Iterable[Item]) -> None:
    """One line for each sidecar."""
    for item in items:
        where = printable(item.where) if item.where else (item.error or {}).get("message") or ""
        marked = f" ({item.mark})" if item.mark else ""
        say(f"{item.content_uuid}  {item.kind:<10} {item.variant:<16} {item.state:<11} {where}{marked}{_stale(item)}")


def print_unmade(files: Iterable[Unmade], as_json: bool) -> None:
    """One line for each content of which nothing is made."""
    from pillion.model import UNKNOWN

    for item in files:
        state = "unknown" if item.mime == UNKNOWN else "none"
        sources = [os.fsdecode(path) for path in item.sources]
        if as_json:
            about = {"content_uuid": item.content_uuid, "kind": None, "variant": None, "state": state}
            print_json({**about, "mime": item.mime, "bytes": item.size, "sources": sources})
        else:
            kind = "no known type" if state == "unknown" else item.mime
            say(f"{item.content_uuid}  {'-':<10} {'-':<16} {state:<11} {named(item.content_uuid, sources)} ({kind})")


def print_unread(files: Iterable[tuple[bytes, str, str]], as_json: bool) -> None:
    """One line for each file that could not be identified: (path, error class, message)."""
    for path, error_class, message in files:
        error = {"class": error_class, "message": message}
        if as_json:
            about = {"content_uuid": None, "kind": None, "variant": None, "state": "unread"}
            print_json({**about, "sources": [os.fsdecode(path)], "error": error})
        else:
            say(f"{'-':<36}  {'-':<10} {'-':<16} {'unread':<11} {printable(path)} ({error_class}: {message})")


def unknown_line(unknown: Mapping[str, int]) -> str:
    """How many files are of no known type, by ending; empty if there are none."""
    if not unknown:
        return ""
    number = sum(unknown.values())
    shown = [f"{count:,} {printable(ending) or 'without an ending'}" for ending, count in unknown.items()]
    more = [f"{len(shown) - SHOWN_FAILURES:,} other endings"] if len(shown) > SHOWN_FAILURES else []
    names = ", ".join([*shown[:SHOWN_FAILURES], *more])
    files, are = ("file", "is") if number == 1 else ("files", "are")
    return f"{number:,} {files} {are} of no known type, so nothing is made ({names}): see 'pillion ls --unknown'"


def _stale(item: Item) -> str:
    """What ``ls`` adds to a sidecar that was made with an older recipe."""
    if not item.stale:
        return ""
    return f" (stale: {item.error['class']}: {item.error['message']})" if item.error else " (stale)"


def print_excerpts(texts: Sequence[tuple[str, str]]) -> None:
    """(name, text): the beginning of each text."""
    for name, text in texts:
        short = " ".join(text.split())
        say(f"{name}: {short[:200]}{'...' if len(short) > 200 else ''}")


def print_queued(number: int, json_: bool) -> None:
    """How many sidecars were queued."""
    if json_:
        print_json({"queued": number})
    else:
        say(
            f"{number:,} sidecars are queued; run 'pillion work' to make them."
            if number
            else "There is nothing to queue."
        )


def duration(seconds: float) -> str:
    """For people: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 5 h``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def size(number: float) -> str:
    """For people: ``900 bytes``, ``1.5 MB``; powers of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


# facts ----------------------------------------------------------------------------------------------------------------


def fact_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a file says of itself, for people: one line for each group of facts."""
    if "taken" in facts:
        zone = "" if facts["taken"][-1] == "Z" or facts["taken"][-6:-5] in ("+", "-") else ", local time"
        timed = "T" in facts["taken"]
        yield f"taken {facts['taken'].replace('T', ' ')} ({facts['taken_from']}{zone if timed else ''})"
    parts = []
    if "width" in facts:
        parts.append(f"{facts['width']} x {facts['height']}")
    if "duration" in facts:
        parts.append(_length(facts["duration"]))
    if "pages" in facts:
        parts.append(f"{facts['pages']} page{'' if facts['pages'] == 1 else 's'}")
    parts.extend(facts.get("codecs", ()))
    yield from _joined(parts)
    yield from _joined([" ".join(facts[name] for name in ("make", "model") if name in facts), facts.get("lens", "")])
    yield from _joined(_exposure(facts))
    if "latitude" in facts:
        height = f", {facts['altitude']:g} m" if "altitude" in facts else ""
        yield f"at {facts['latitude']:.6f}, {facts['longitude']:.6f}{height}"
    if "motion" in facts:
        offset, length = facts["motion"]
        yield f"film inside: {length:,} bytes at {offset:,}"


def _joined(parts: Sequence[str]) -> Iterator[str]:
    line = ", ".join(part for part in parts if part)
    if line:
        yield line


def _exposure(facts: Mapping[str, Any]) -> list[str]:
    parts = []
    if "exposure" in facts:
        seconds = facts["exposure"]
        parts.append(f"1/{round(1 / seconds)} s" if 0 < seconds < 0.4 else f"{seconds:g} s")
    if "aperture" in facts:
        parts.append(f"f/{facts['aperture']:g}")
    if "iso" in facts:
        parts.append(f"ISO {facts['iso']}")
    if "focal_length" in facts:
        parts.append(f"{facts['focal_length']:g} mm")
    return parts


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
