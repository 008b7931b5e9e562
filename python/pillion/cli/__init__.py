"""The command line. It uses the library's public API and turns errors into one sentence and an exit code."""

from pillion.cli.app import main

__all__ = ["main"]
