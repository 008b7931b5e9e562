"""Commands that work a library: index, work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pillion.cli.lines import progress_shown
from pillion.cli.options import (
    PATH,
    STAYS,
    json_option,
    kinds_option,
    library_option,
    open_library,
    refuse_new_for_nothing,
    split_kinds,
)
from pillion.cli.output import (
    index_json,
    is_quiet,
    note,
    note_offline,
    print_failures,
    print_index,
    print_json,
    say,
    sidecar_counts,
)
from pillion.errors import UsageError
from pillion.job import JobState

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.status import Status, WorkReport
    from pillion.model import SidecarKind


def _note_waiting(holder: str) -> None:
    note(f"{holder}; waiting for it to end.")


@click.command()
@click.argument(
    "paths", metavar="[PATH]...", nargs=-1, type=PATH, help="Folders to index (default: all the library knows)."
)
@library_option
@click.option("--policy", help="mobile, desktop or server (default: the library's own).")
@kinds_option
@click.option("--no-wait", is_flag=True, help="Queue the jobs and leave them to 'pillion work'.")
@click.option(
    "--if-busy",
    type=click.Choice(["wait", "fail"]),
    default="wait",
    help="While another process indexes: wait for it, or fail.",
)
@click.option(
    "--accept-removals", is_flag=True, help="Treat the missing files of an offline folder as deleted, and go on."
)
@click.option("--strict", is_flag=True, help="Exit with 1 if any sidecar failed.")
@json_option
def index(
    paths: tuple[Path, ...],
    library: Path | None,
    policy: str | None,
    kinds: str | None,
    no_wait: bool,
    if_busy: str,
    accept_removals: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Find files, identify them and make the missing sidecars.

    Ctrl-C stops; run it again to go on.
    """
    chosen = split_kinds(kinds)
    refuse_new_for_nothing(library, paths)
    with (
        open_library(library, create=bool(paths), policy=policy) as opened,
        progress_shown(quiet=as_json and no_wait) as live,
    ):
        if not paths and not opened.locations():
            raise UsageError("The library knows no folder yet: name one, 'pillion index FOLDER'.")
        start = time.perf_counter()
        try:
            waiting = _note_waiting if if_busy == "wait" else None
            report = opened.index(
                *paths,
                policy=policy,
                kinds=chosen,
                progress=live.phase,
                waiting=waiting,
                accept_removals=accept_removals,
            )
            indexed = time.perf_counter()
            worked = None if no_wait else opened.run(kinds=chosen, progress=live.work)
        except KeyboardInterrupt:
            live.stop()
            seconds = time.perf_counter() - start
            note(f"\nStopped after {seconds:.0f} s. Nothing is lost: run the same command again to go on.")
            raise
        made = worked is not None and any(worked.recorded.values())
        generation_s = time.perf_counter() - indexed if made else 0.0
        live.stop()
        if as_json:
            print_json(index_json(opened, report, generation_s))
        elif not is_quiet():
            print_index(opened, report, generation_s)
        note_offline(report, library)
        _print_notices(worked)
        now = opened.status()
        if worked is not None:
            _note_others(now)
        failed = bool(now.kept) or any(row["failed"] for row in sidecar_counts(now.sidecars).values())
    _fail_if_stopped(worked)
    if strict and failed:
        raise click.exceptions.Exit(1)


@click.command()
@library_option
@kinds_option
@click.option(
    "--stay",
    is_flag=True,
    help="Keep running until it is stopped: wait for new work, and for a full disk to have room again.",
)
@click.option(
    "--server", metavar="URL", help="Work for the library of a 'pillion serve' on another machine, without a mount."
)
@click.option("--token-file", type=PATH, metavar="FILE", help="The server's token, made there with --scope work.")
@click.option("--dask", metavar="ADDRESS", help="Work on the machines of a Dask cluster, by its scheduler's address.")
@click.option(
    "--dask-wait",
    type=click.FloatRange(0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long its scheduler may be away before this ends with exit code 4.",
)
@json_option
def work(
    library: Path | None,
    kinds: str | None,
    stay: bool,
    server: str | None,
    token_file: Path | None,
    dask: str | None,
    dask_wait: float,
    as_json: bool,
) -> None:
    """Work through the queue until nothing is left to do.

    With --dask, jobs are claimed and recorded here, and made on the machines of a cluster such as tcp://scheduler:8786.

    With --server, sources are fetched and results uploaded; nothing is kept on this machine. The server's settings
    count, and its pauses.
    """
    chosen = split_kinds(kinds)
    click.get_current_context().meta[STAYS] = stay
    if server is not None and dask is not None:
        raise UsageError("Give --server or --dask: the machines of a cluster get their files from this one.")
    if server is not None:
        _work_for(server, token_file, chosen, stay=stay, as_json=as_json)
        return
    with open_library(library) as opened, progress_shown() as live:
        try:
            worked = opened.run(
                kinds=chosen, progress=live.work, stay=stay, dask=dask, dask_wait_s=dask_wait, on_notice=note
            )
        except KeyboardInterrupt:
            live.stop()
            note("\nStopped. Nothing is lost: run 'pillion work' again to go on.")
            raise
        live.stop()
        _print_worked(opened, worked, as_json)
        _print_notices(worked)
        _note_others(opened.status())
    _fail_if_stopped(worked)


def _work_for(
    server: str, token_file: Path | None, kinds: list[SidecarKind] | None, *, stay: bool, as_json: bool
) -> None:
    from pillion.remote.worker import work as work_for

    if token_file is None:
        raise UsageError("A server asks workers for a token: --token-file FILE.")
    report = work_for(server, token_file, kinds=kinds, stay=stay)
    if as_json:
        print_json({"server": server, "made": report.made, "failed": report.failed, "notices": report.notices})
    elif not is_quiet():
        for name in sorted({*report.made, *report.failed}):
            say(f"{name}: {report.made[name]:,} jobs made, {report.failed[name]:,} failed")
        if not (report.made or report.failed):
            say("Nothing to do.")
    for lane, text in report.notices.items():
        note(f"{'All work' if lane == '*' else lane} was not done: {text}")


def _print_worked(library: Library, worked: WorkReport, as_json: bool) -> None:
    counts: dict[str, dict[str, int]] = {}
    for (kind, status), number in worked.recorded.items():
        if number:
            counts.setdefault(kind, {})[status.value] = number
    if as_json:
        print_json({"library": str(library.root), "recorded": counts, "notices": worked.notices})
        return
    if is_quiet():
        return
    for name, numbers in counts.items():
        say(f"{name}: " + ", ".join(f"{number:,} {status}" for status, number in numbers.items()))
    if not counts:
        say("Nothing to do.")
    print_failures(library)


def _print_notices(worked: WorkReport | None) -> None:
    for lane, text in (worked.notices if worked else {}).items():
        if lane == "search":
            note(text[:1].upper() + text[1:])
        else:
            note(f"{'All work' if lane == '*' else lane} is paused: {text}")


def _note_others(status: Status) -> None:
    """What this run has not waited for: it has claimed nothing by now."""
    running = sum(line.counts.get(JobState.RUNNING, 0) for line in status.queue.values())
    if running:
        jobs, are = ("job", "is") if running == 1 else ("jobs", "are")
        note(f"{running:,} more {jobs} {are} being done by another process.")


def _fail_if_stopped(worked: WorkReport | None) -> None:
    if worked is not None and worked.was_stopped:
        raise click.exceptions.Exit(1)
