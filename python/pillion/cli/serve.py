"""Commands that serve a library to other programs: serve, token."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pillion.cli.options import PATH, STAYS, json_option, library_option, open_library, printable
from pillion.cli.output import note, print_json, print_table, say, warn


@click.command()
@library_option
@click.option("--host", default="127.0.0.1", help="Where to serve; elsewhere than on this machine only with a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8640, help="The port; 0: one that is free.")
@click.option("--no-work", is_flag=True, help="Do not work the queue.")
@click.option("--no-watch", is_flag=True, help="Do not watch the folders.")
@click.option("--read-only", is_flag=True, help="Answer, but change and make nothing.")
@click.option("--require-token", is_flag=True, help="Ask for a token on this machine, too.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Another name by which the server may be called.")
@click.option("--tls-cert", type=PATH, metavar="FILE", help="Serve by HTTPS, with this certificate (PEM).")
@click.option("--tls-key", type=PATH, metavar="FILE", help="The certificate's key (PEM).")
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    help="Requests a second that one client may make on average; 0: any number (default: 500, on this machine any).",
)
@json_option
def serve(
    library: Path | None,
    host: str,
    port: int,
    no_work: bool,
    no_watch: bool,
    read_only: bool,
    require_token: bool,
    allow_host: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """Serve the library by HTTP and keep it up to date: API and workers in one.

    It runs until it is stopped. docs/serving.md has who may use it, docs/api.md what can be asked.

    JSON: one line when it is ready, {library, url, token}; the token only if it was made now, else null.
    """
    from pillion.extras import require

    require("serve", "servers")
    from pillion.server.serve import Options
    from pillion.server.serve import serve as run

    click.get_current_context().meta[STAYS] = True
    options = Options(
        host=host,
        port=port,
        work=not no_work,
        watch=not no_watch,
        read_only=read_only,
        need_token=require_token,
        allow_hosts=allow_host,
        certificate=tls_cert,
        key=tls_key,
        rate=rate,
    )
    _log_changes()
    with open_library(library) as opened:
        if opened.read_only:
            note("The library is read-only: what is there is served, and nothing is made.")
        run(opened, options, lambda url, made: _say_ready(opened.root, url, made, as_json))


def _say_ready(library: Path, url: str, made: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"library": str(library), "url": url, "token": made})
    else:
        if made is not None:
            say(f"The token of this server, which is shown only now: {made}")
        say(f"Serving {printable(str(library))} at {url} (Ctrl-C ends it).")
    sys.stdout.flush()


def _log_changes() -> None:
    """Print what the server logs, changes too, unless -v or --log-file say where it goes."""
    import logging

    logger = logging.getLogger("pillion.server")
    if logging.getLogger().handlers:
        return

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warn(self.format(record))

    handler = Lines()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of the server."""


@token.command()
@click.argument("name", default="default", help="What it is for: phone, script.")
@click.option(
    "--scope",
    type=click.Choice(["all", "work"]),
    default="all",
    help="'work': only for 'pillion work --server' on another machine.",
)
@library_option
@json_option
def create(name: str, scope: str, library: Path | None, as_json: bool) -> None:
    """Make a token and show it: only now, as only a hash of it is kept.

    JSON: {name, token}.
    """
    from pillion.server.tokens import Tokens

    with open_library(library) as opened:
        text = Tokens(opened.root).create(name, scope)
    if as_json:
        print_json({"name": name, "token": text})
    else:
        say(text)


@token.command("list")
@library_option
@json_option
def list_tokens(library: Path | None, as_json: bool) -> None:
    """List the tokens by name.

    JSON: one object a line, {name, created_at, scope}.
    """
    from datetime import datetime

    from pillion.server.tokens import Tokens

    with open_library(library) as opened:
        known = Tokens(opened.root).all()
    if as_json:
        for item in known:
            print_json({"name": item.name, "created_at": item.created_at, "scope": item.scope})
    elif known:
        print_table(
            [(item.name, f"{datetime.fromtimestamp(item.created_at):%Y-%m-%d %H:%M}", item.scope) for item in known]
        )


@token.command()
@click.argument("name", help="The token's name.")
@library_option
@json_option
def revoke(name: str, library: Path | None, as_json: bool) -> None:
    """Make a token useless, at once.

    JSON: {revoked}.
    """
    from pillion.server.tokens import Tokens

    with open_library(library) as opened:
        Tokens(opened.root).revoke(name)
    if as_json:
        print_json({"revoked": name})
