"""`pillion service`: install, status and remove a systemd user unit that keeps a library up."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pillion.cli.options import json_option, library_option, open_library, printable
from pillion.cli.output import note, print_json, say


@click.group()
def service() -> None:
    """Run the library as a service of this user's systemd."""


@service.command()
@library_option
@click.option(
    "--command",
    "chosen",
    type=click.Choice(["serve", "watch"]),
    help="What it runs (default: serve where the extra 'serve' is installed, else watch).",
)
@json_option
def install(library: Path | None, chosen: str | None, as_json: bool) -> None:
    """Write the unit, enable it and start it.

    JSON: {unit, command, started, problem}.
    """
    from pillion.watch.service import install as install_unit
    from pillion.watch.service import unit_path

    with open_library(library) as opened:
        root = opened.root
    # As this program is run now, also from a virtual environment that no shell has activated.
    command = [sys.executable, "-m", "pillion", chosen or _default(), "--library", str(root)]
    problem = install_unit(command)
    unit = unit_path()
    if as_json:
        print_json({"unit": str(unit), "command": command, "started": problem is None, "problem": problem})
        return
    say(f"{printable(str(unit))} runs: {printable(' '.join(command[1:]))}")
    if problem is None:
        say("It runs now, and whenever you log in; 'loginctl enable-linger' lets it run without that.")
    else:
        note(f"systemd does not run it now ({problem}); once it does: systemctl --user enable --now {unit.name}")


def _default() -> str:
    from importlib.util import find_spec

    return "serve" if find_spec("uvicorn") is not None else "watch"


@service.command()
@json_option
def status(as_json: bool) -> None:
    """Show whether the service is installed, enabled and active.

    JSON: {unit, installed, enabled, active}; the last two are systemd's words, or null where it does not answer.
    """
    from pillion.watch.service import state

    found = state()
    if as_json:
        print_json(
            {
                "unit": str(found.unit),
                "installed": found.installed,
                "enabled": found.enabled,
                "active": found.active,
            }
        )
        return
    if not found.installed:
        say("The service is not installed; 'pillion service install' installs it.")
        return
    say(f"{printable(str(found.unit))} is installed.")
    if found.enabled is None or found.active is None:
        note("systemd of this user does not answer, so nothing is known of whether it runs.")
    else:
        say(f"It is {found.enabled} and {found.active}; 'journalctl --user -u {found.unit.name}' has what it said.")


@service.command()
@json_option
def remove(as_json: bool) -> None:
    """Stop the service and remove its unit. The library stays.

    JSON: {removed}.
    """
    from pillion.watch.service import remove as remove_unit

    removed = remove_unit()
    if as_json:
        print_json({"removed": removed})
    else:
        say("The service is removed." if removed else "The service is not installed.")
