"""`pillion watch`: the watcher and the workers in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pillion.cli.lines import NoProgress, progress_shown
from pillion.cli.options import STAYS, json_option, library_option, open_library, printable
from pillion.cli.output import is_quiet, note, print_json, say
from pillion.errors import LibraryError

if TYPE_CHECKING:
    from pillion.index.indexer import IndexReport
    from pillion.library import Library
    from pillion.queue.work import Workers
    from pillion.watch import Watching

_LOOK_S = 3600.0
_COUNTS = ("new", "changed", "removed", "moved", "queued")


@click.command()
@library_option
@click.option("--no-work", is_flag=True, help="Only index what changes, and leave the jobs to another process.")
@json_option
def watch(library: Path | None, no_work: bool, as_json: bool) -> None:
    """Keep the library up to date while files change, until it is stopped.

    What comes, changes, moves and goes in its folders is indexed, and what is missing is made. docs/watching.md says
    when a file is taken, and what is polled.

    JSON: one object a line, with "event": "ready", "indexed" or "notice".
    """
    click.get_current_context().meta[STAYS] = True
    with open_library(library) as opened:
        if opened.read_only:
            raise LibraryError(f"The library {opened.root} is read-only: it can be read, but not changed.")
        with progress_shown(quiet=as_json) as live:
            _watch(opened, live, no_work, _Lines(as_json))


def _watch(opened: Library, live: NoProgress, no_work: bool, lines: _Lines) -> None:
    from pillion.watch import Watching

    watching = Watching(opened, progress=live.phase, on_report=lines.indexed, on_notice=lines.notice)
    watching.on_ready = lambda: lines.ready(opened, watching)
    try:
        with watching:
            if no_work:
                while not watching.wait(_LOOK_S):
                    pass
            else:
                opened.run(progress=_checked(watching, live.work), stay=True)
            _raise_failure(watching)
    except KeyboardInterrupt:
        live.stop()
        note("\nStopped. Nothing is lost: what changes meanwhile is found when it begins again.")
        raise


def _checked(watching: Watching, show: Callable[[Workers], None]) -> Callable[[Workers], None]:
    """Shows the progress; ends the run where the watch has ended."""

    def shown(workers: Workers) -> None:
        _raise_failure(watching)
        show(workers)

    return shown


def _raise_failure(watching: Watching) -> None:
    if watching.failure is not None:
        error = watching.failure
        raise LibraryError(f"Watching ended by an error: {type(error).__name__}: {error}") from error


class _Lines:
    """Says what happens, a line each. Called in the thread of the watch."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def ready(self, library: Library, watching: Watching) -> None:
        """All Locations were scanned once."""
        locations, polled = len(library.locations()), watching.polled()
        if self._as_json:
            self._print({"event": "ready", "locations": locations, "folders": watching.folders, "polled": polled})
        elif not locations:
            self._say(
                "The library knows no folder yet; 'pillion locations add FOLDER' adds one, and it is watched then."
            )
        elif not is_quiet():
            more = f"; {len(polled):,} polled" if polled else ""
            folders = "1 folder" if watching.folders == 1 else f"{watching.folders:,} folders"
            self._say(f"Watching {folders}{more} (Ctrl-C ends it).")

    def indexed(self, report: IndexReport) -> None:
        """An index found something."""
        counts = {name: getattr(report, name) for name in _COUNTS}
        if self._as_json:
            self._print({"event": "indexed", **counts})
        elif not is_quiet() and any(counts.values()):
            self._say(", ".join(f"{number:,} {name}" for name, number in counts.items() if number))

    def notice(self, text: str) -> None:
        """Something keeps it from watching."""
        if self._as_json:
            self._print({"event": "notice", "text": text})
        else:
            note(printable(text))

    def _print(self, value: dict[str, object]) -> None:
        print_json(value)
        sys.stdout.flush()

    def _say(self, text: str) -> None:
        say(text)
        sys.stdout.flush()
