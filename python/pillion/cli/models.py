"""``pillion models``: models, data files and engines, what is there and how to get what is not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pillion.cli.options import json_option, printable
from pillion.cli.output import print_json, say, size
from pillion.errors import UsageError

if TYPE_CHECKING:
    from pillion.api import EngineRow
    from pillion.weights.rows import ModelRow


@click.command()
@click.argument("name", required=False, help="Only those whose name contains this, with all that is known of them.")
@json_option
def models(name: str | None, as_json: bool) -> None:
    """List models and engines, and how to get them.

    Says which are installed, and where. Downloads nothing.

    JSON: {"models": [...], "engines": [...]}; docs/text.md describes the fields.
    """
    from pillion.api import engine_rows, model_rows, models_folder

    rows = [row for row in model_rows() if name is None or name in row.name]
    engines = [row for row in engine_rows() if name is None or name in row.name]
    if not rows and not engines:
        raise UsageError(f"No model or engine has {printable(str(name))} in its name; 'pillion models' lists them.")
    if as_json:
        print_json({"models": [asdict(row) for row in rows], "engines": [asdict(row) for row in engines]})
        return
    for row in rows:
        _say_model(row, everything=name is not None)
    for engine in engines:
        _say_engine(engine)
    if name is None:
        say(f"\nConverted models, and those joined from several packages, are kept in {models_folder()}.")
        say("'pillion models NAME' says all about one: where it was looked for, its hash, how to get it.")


def _say_model(row: ModelRow, *, everything: bool) -> None:
    state = f"{size(row.bytes or 0)} in {row.path} ({row.place})" if row.installed else f"not installed: {row.online}"
    say(f"{row.kind:<10}  {row.name:<24}  {state}")
    if everything:
        say(f"  sha256: {row.sha256 or 'known once it is installed'}")
        for place in row.looked_in:
            say(f"  looked in {place}")
        say(f"  with a network: {row.online}")
        say(f"  without a network: {row.offline}")
        for file, digest in row.checksums:
            say(f"  sha256 of {file}: {digest}")


def _say_engine(row: EngineRow) -> None:
    say(f"{'engine':<10}  {row.name:<24}  {row.problem or 'installed'} ({row.use})")
