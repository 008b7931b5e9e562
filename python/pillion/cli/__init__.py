"""The command line. It uses the library's public API and turns errors into one sentence and an exit code.

``app`` is the program and knows the commands by name alone; each module with commands is imported when one of its own
is called, and imports what it needs where it runs, so that ``--help`` loads neither the library nor an engine.
"""

_EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point. Ctrl-C while the program itself is still being imported ends it as at any later time."""
    try:
        from pillion.cli.app import main as program
    except KeyboardInterrupt:
        raise SystemExit(_EXIT_INTERRUPTED) from None
    program()


__all__ = ["main"]
