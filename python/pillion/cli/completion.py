"""``pillion completion``: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import sys

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS), help="bash, zsh or fish.")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(pillion completion bash)" in ~/.bashrc
    zsh:  eval "$(pillion completion zsh)" in ~/.zshrc, after compinit
    fish: pillion completion fish > ~/.config/fish/completions/pillion.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    sys.stdout.write(found(ctx.find_root().command, {}, "pillion", "_PILLION_COMPLETE").source())
