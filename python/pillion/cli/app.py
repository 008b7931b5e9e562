"""The `pillion` program: its commands are registered here, and every error leaves through :class:`_Program`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pillion import __version__
from pillion.cli import direct as parts
from pillion.cli import export, inspect, models, plan, queue, work
from pillion.cli import maintenance as care
from pillion.cli.output import note, say
from pillion.errors import ItemError, PillionError

EXIT_INTERRUPTED = 130


class _Program(TyperGroup):
    """Turns errors into one sentence on stderr and an exit code: 1 failed, 2 wrong usage, 130 stopped."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough; nothing must be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except ItemError as error:
            note(f"pillion: {error.error_class}: {error}")
            ctx.exit(error.exit_code)
        except PillionError as error:
            note(f"pillion: {error}")
            ctx.exit(error.exit_code)
        except OSError as error:
            note(f"pillion: {error}")
            ctx.exit(1)


app = typer.Typer(
    name="pillion",
    cls=_Program,
    help="Thumbnails, OCR text, transcripts and embeddings of your files: made once, reused by everything.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (work, queue, plan, inspect, care, parts, models, export):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"pillion {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Thumbnails, OCR text, transcripts and embeddings of your files: made once, reused by everything."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_NEW_OBJECTS = 50_000
"""A claim of 500 jobs makes about ten thousand objects, all of which the next one replaces."""


def tune_collector() -> None:
    """Search for garbage seldom, and not in what is loaded by now, which stays.

    Without it the search takes a sixth of the time that queueing takes. For a program that is Pillion's own only.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def _leave() -> None:
    """Be stopped no more: all is done but the interpreter's end, amid which it would hide the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Entry point. SIGTERM stops as Ctrl-C does."""
    tune_collector()
    # What SQLAlchemy logs when Ctrl-C comes amid the closing of a connection, it raises as well.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
    signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            app()
        finally:
            _leave()
    except KeyboardInterrupt:
        # It came after the command's own end, perhaps amid _leave.
        _leave()
        sys.exit(EXIT_INTERRUPTED)
