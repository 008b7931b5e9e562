"""How much the program tells: ``-v``, ``-q`` and ``--log-file``, before or after the command's name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli import output
from pillion.errors import UsageError
from pillion.quoting import harmless, quoted

if TYPE_CHECKING:
    import logging

_LINE = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_SHORT = "%(levelname)s: %(message)s"


def _verbose(_ctx: click.Context, _option: click.Parameter, value: int) -> None:
    if value:
        import logging

        _handle(logging.StreamHandler(sys.stderr), _SHORT, logging.INFO if value == 1 else logging.DEBUG)


def _quiet(_ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        output.be_quiet()


def _to_file(_ctx: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    import logging

    try:
        handler = logging.FileHandler(value, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"Cannot write the log file {value}: {error.strerror}.") from error
    _handle(handler, _LINE, logging.DEBUG)


def _handle(handler: logging.Handler, form: str, level: int) -> None:
    """Give what Pillion logs, and warnings of the packages that it uses, to ``handler``."""
    import logging

    class Harmless(logging.Formatter):
        """What workers, files and libraries say may stand in a line: nothing in it acts on a terminal."""

        def formatMessage(self, record: logging.LogRecord) -> str:
            return quoted(super().formatMessage(record))

        def format(self, record: logging.LogRecord) -> str:
            return harmless(super().format(record))

    handler.setFormatter(Harmless(form))
    handler.setLevel(level)
    root, own = logging.getLogger(), logging.getLogger("pillion")
    root.addHandler(handler)
    own.setLevel(min(own.level or logging.CRITICAL, level))


def options(*, hidden: bool) -> list[click.Option]:
    """The options, new ones for each command."""
    shared: dict[str, Any] = {"expose_value": False, "is_eager": True, "hidden": hidden}
    return [
        click.Option(
            ["-v", "--verbose"],
            count=True,
            callback=_verbose,
            show_default=False,
            help="Say what is done; -vv: in detail.",
            **shared,
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, callback=_quiet, help="Only errors, and what was asked for.", **shared
        ),
        click.Option(
            ["--log-file"],
            type=click.Path(path_type=Path, dir_okay=False),
            callback=_to_file,
            help="Add all that is done to this file.",
            **shared,
        ),
    ]


def accept(command: click.Command) -> click.Command:
    """The command with these options, and its subcommands."""
    if not any(option.name == "log_file" for option in command.params):
        command.params.extend(options(hidden=True))
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                accept(inner)
    return command


def note_error(error: BaseException) -> None:
    """Put where an error came from into the log, if there is one. Its message is printed anyway."""
    if "logging" not in sys.modules:
        return
    import logging

    logging.getLogger("pillion.cli").debug("the command failed", exc_info=error)
