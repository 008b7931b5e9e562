"""The `pillion` program: its commands by name, loaded when they are called, and the one place where errors end."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple, TextIO

import click

from pillion import __version__
from pillion.cli import logs
from pillion.cli.options import FINDS, STAYS
from pillion.cli.output import say, warn
from pillion.errors import ItemError, PillionError, full_disk, is_full, reason
from pillion.quoting import quoted

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Entry(NamedTuple):
    """A command before it is loaded: the module in this package that defines it, and its line in the list."""

    module: str
    help: str


# In the order in which --help lists them. A test compares the lines with the commands' own help.
COMMANDS: Mapping[str, Entry] = {
    "index": Entry("work", "Find files, identify them and make the missing sidecars."),
    "work": Entry("work", "Work through the queue until nothing is left to do."),
    "watch": Entry("watch", "Keep the library up to date while files change, until it is stopped."),
    "service": Entry("service", "Run the library as a service of this user's systemd."),
    "status": Entry("inspect", "Show what the library holds and what is still to be made."),
    "serve": Entry("serve", "Serve the library by HTTP and keep it up to date: API and workers in one."),
    "token": Entry("serve", "Make, list and revoke the tokens of the server."),
    "locations": Entry("locations", "List, add, remove and move the watched folders."),
    "ls": Entry("inspect", "List every sidecar with its state and path."),
    "search": Entry("search", "Find files by what is written, said or meant in them."),
    "similar": Entry("search", "Find files like one: pictures by their looks, others by what they mean."),
    "duplicates": Entry("search", "Show files that are the same, and which of them is the best."),
    "info": Entry("address", "Show the sidecars at addresses: state, path, size and checksum."),
    "cat": Entry("address", "Write the bytes of sidecars to stdout; missing ones are made first."),
    "cp": Entry("address", "Copy sidecars to a file or a folder; missing ones are made first."),
    "rm": Entry("address", "Remove sidecars, until somebody asks for them again."),
    "show": Entry("inspect", "Show one content: its files, what they say of themselves, its sidecars and its text."),
    "events": Entry("inspect", "Print what happens in the library as JSON."),
    "plan": Entry("plan", "Show what 'pillion index' would make, and why."),
    "regenerate": Entry("plan", "Queue sidecars to be made again."),
    "failed": Entry("queue", "Show what failed, why, and how often it was tried."),
    "retry": Entry("queue", "Queue failed and cancelled sidecars again."),
    "cancel": Entry("queue", "Take work out of the queue."),
    "pause": Entry("queue", "Pause all work, or that of one kind or folder."),
    "resume": Entry("queue", "End pauses."),
    "peers": Entry("peers", "List the libraries of other devices."),
    "peer": Entry("peers", "Add and remove libraries of other devices."),
    "pull": Entry("peers", "Take from other devices what would have to be made here."),
    "export-library": Entry("peers", "Copy the sidecars to a library on another disk."),
    "import-library": Entry("peers", "Take sidecars from a library on another disk."),
    "verify": Entry("maintenance", "Check the catalog and the files against each other."),
    "reconcile": Entry("maintenance", "Rebuild a lost or damaged catalog from the sidecars."),
    "migrate": Entry("maintenance", "Move the catalog between a folder and PostgreSQL."),
    "cleanup": Entry("maintenance", "Remove the sidecars of files that are gone."),
    "usage": Entry("maintenance", "Show how many sidecars there are and how many bytes they take."),
    "thumb": Entry("direct", "Make WebP thumbnails of files, without a library."),
    "text": Entry("direct", "Print the text of any file."),
    "ocr": Entry("direct", "Print the text in pictures and PDFs as JSON."),
    "transcribe": Entry("direct", "Print what is said in audio and video files as JSON."),
    "export": Entry("export", "Write a text, hOCR, ALTO, searchable PDF, SRT or WebVTT file."),
    "formats": Entry("direct", "List the picture formats and what is installed to read them."),
    "languages": Entry("direct", "List the languages for OCR and how to add one."),
    "models": Entry("models", "List models and engines, and how to get them."),
    "doctor": Entry("doctor", "Show how far workers are confined on this machine."),
    "completion": Entry("completion", "Print the completion script of a shell."),
}


class Program(click.Group):
    """Loads a command when it is called, and turns errors into one sentence on stderr and an exit code.

    1: failed, 2: wrong usage, 130: interrupted, 143: ended by SIGTERM. Of commands that find, 1: nothing found, 2: any
    error.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"pillion.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return logs.accept(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, with a suggestion if the name is only nearly one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS)
            if near and not args[0].startswith("-"):
                known = " or ".join(f"'{name}'" for name in near)
                raise click.UsageError(f"No such command '{args[0]}'. Did you mean {known}?", ctx) from None
            raise error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except Terminated:
            ctx.exit(0 if ctx.meta.get(STAYS) else EXIT_TERMINATED)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough.
            _print_no_more(sys.stdout)
            ctx.exit(0)
        except (PillionError, OSError) as raised:
            logs.note_error(raised)
            warn(_line(raised))
            failed = raised.exit_code if isinstance(raised, PillionError) else 1
            ctx.exit(2 if ctx.meta.get(FINDS) else failed)


def _line(raised: PillionError | OSError) -> str:
    """What is printed of an error that ends a command."""
    error = full_disk(raised) if isinstance(raised, OSError) and is_full(raised) else raised
    error_class = f"{error.error_class}: " if isinstance(error, ItemError) else ""
    return f"pillion: {error_class}{quoted(_sentence(error))}"


def _sentence(error: Exception) -> str:
    """What the system says of a file without its number, which is nothing to people; and what to do, if that helps."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        remedy = "; give yourself the right to use it" if isinstance(error, PermissionError) else ""
        return f"{os.fsdecode(error.filename)}: {error.strerror}{remedy}."
    return f"{reason(error)}." if isinstance(error, OSError) else str(error)


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        say(f"pillion {__version__}")
        ctx.exit()


@click.group(
    cls=Program,
    name="pillion",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.option(
    *("--version", "wanted"),
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def program() -> None:
    """Thumbnails, OCR text, transcripts and embeddings of your files: made once, reused by everything."""


program.params.extend(logs.options(hidden=False))


class Terminated(KeyboardInterrupt):
    """SIGTERM came. Work stops as at Ctrl-C; the exit code is 143, or 0 of a command that runs until it is stopped."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


_NEW_OBJECTS = 50_000
"""A claim of 500 jobs makes about ten thousand objects, all of which the next one replaces."""


def tune_collector() -> None:
    """Search for garbage seldom, and not in what is loaded by now, which stays.

    Without it the search takes a sixth of the time that queueing takes. For a program that is Pillion's own only.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def _leave() -> None:
    """The work is done: ignore signals, which would hide the exit code, and end without a last search for garbage.

    That search takes a third of the time of a short command.
    """
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _have_standard_files() -> None:
    """Open those of stdin, stdout and stderr that are closed (``>&-``).

    The next file that is opened would get their number, and what is printed would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _exit_code() -> int:
    """Run the program on the arguments of this process."""
    try:
        code = program.main(prog_name="pillion", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        warn(said.getvalue().rstrip("\n"))
        return error.exit_code
    except PillionError as error:
        # An option of the program itself is wrong: no command was found yet.
        warn(f"pillion: {quoted(str(error))}")
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    except OSError as error:
        # Help could not be printed, which is before any command.
        warn(_line(error))
        return 1
    return code if isinstance(code, int) else 0


def _flushed(code: int) -> int:
    """The exit code when all that was printed is written: help and versions are not until now, and Python's own end
    would say of an error what nobody understands, with a code of its own.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _print_no_more(sys.stdout)
    except OSError as error:
        _print_no_more(sys.stdout)
        if code == 0:
            warn(_line(error))
            code = 1
    try:
        sys.stderr.flush()
    except OSError:
        # There is nowhere left to say it.
        _print_no_more(sys.stderr)
    return code


def _print_no_more(stream: TextIO) -> None:
    """Let nothing be written to it at Python's end, either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    """Entry point. SIGTERM stops as Ctrl-C does, with another exit code."""
    _have_standard_files()
    tune_collector()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            sys.exit(_flushed(_exit_code()))
        finally:
            _leave()
    except KeyboardInterrupt as stopped:
        # It came after the command's own end, perhaps amid _leave.
        _leave()
        sys.exit(EXIT_TERMINATED if isinstance(stopped, Terminated) else EXIT_INTERRUPTED)
