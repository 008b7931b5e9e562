"""The command line. It uses the library's public API and turns errors into one sentence and an exit code.

``app`` is the program and knows the commands by name alone; each module with commands is imported when one of its own
is called, and imports what it needs where it runs, so that ``--help`` loads neither the library nor an engine.
"""

from pillion.cli.app import main

__all__ = ["main"]
