"""``pillion models``: models, data files and engines, what is there and how to get what is not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pillion.api import EngineRow, engine_rows, model_rows, models_folder
from pillion.cli.options import JsonOption
from pillion.cli.output import print_json, say, size
from pillion.weights.rows import ModelRow


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(models)


def models(
    name: Annotated[
        str | None, typer.Argument(help="Only those whose name contains this, with all about them.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Models, languages and engines: installed or not, where, how large, how to get them with and without a network.

    Downloads nothing. JSON: {"models": [...], "engines": [...]}; docs/text.md says what the fields mean.
    """
    rows = [row for row in model_rows() if name is None or name in row.name]
    engines = [row for row in engine_rows() if name is None or name in row.name]
    if as_json:
        print_json({"models": [asdict(row) for row in rows], "engines": [asdict(row) for row in engines]})
        return
    for row in rows:
        _say_model(row, everything=name is not None)
    for engine in engines:
        _say_engine(engine)
    if name is None:
        say(f"\nPut together or converted models are kept in {models_folder()}.")
        say("'pillion models NAME' says all about one: where it was looked for, its hash, how to get it.")


def _say_model(row: ModelRow, *, everything: bool) -> None:
    state = f"{size(row.bytes or 0)} in {row.path} ({row.place})" if row.installed else f"not installed: {row.online}"
    say(f"{row.kind:<10}  {row.name:<24}  {state}")
    if everything:
        say(f"  sha256: {row.sha256 or 'known once it is there'}")
        for place in row.looked_in:
            say(f"  looked in {place}")
        say(f"  with a network: {row.online}")
        say(f"  without one: {row.offline}")


def _say_engine(row: EngineRow) -> None:
    say(f"{'engine':<10}  {row.name:<24}  {row.problem or 'installed'} ({row.use})")
