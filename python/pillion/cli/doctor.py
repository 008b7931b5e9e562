"""``pillion doctor``: how far workers are confined on this machine, tried and not only asked."""

from __future__ import annotations

from dataclasses import asdict

import click

from pillion.cli.options import json_option
from pillion.cli.output import print_json, say


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show how far workers are confined on this machine.

    A worker is started that tries to get out. It touches nothing but a file that is made for it.

    JSON: {"kernel", "landlock", "filter", "missing", "programs", "kept_from"}; docs/security.md describes them.
    """
    from pillion.api import sandbox_report

    report = sandbox_report()
    if as_json:
        print_json(asdict(report))
        return
    say(report.kernel)
    say(f"Landlock (files): {f'version {report.landlock}' if report.landlock else 'no'}")
    say(f"seccomp (system calls): {'yes' if report.filter else 'no'}")
    if report.missing:
        say(f"Missing: {report.missing}.")
    say(f"Programs that workers may start: {', '.join(report.programs) or 'none'}")
    say("\nA worker was kept from trying to")
    for deed, was_held in report.kept_from.items():
        say(f"  {'yes' if was_held else 'NO '}  {deed}")
    if not all(report.kept_from.values()):
        say("\ndocs/security.md says what each kernel has, and what else holds.")
