"""The browser that tests drive. Standard library only."""

from __future__ import annotations

import shutil

PACKAGE = "chromium"
"""Debian's package, and the name of its program."""

NAMES = (PACKAGE, "chromium-browser", "google-chrome")
"""Programs that Playwright drives as Chromium."""


def find() -> str | None:
    """The path of the first of these programs that is on PATH; None if none is."""
    return next(filter(None, map(shutil.which, NAMES)), None)
