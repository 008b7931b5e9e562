"""Programs that tests start, and that a machine may lack; tools/bootstrap.py installs them as root."""

from __future__ import annotations

import os
import shutil

import pytest

TESSERACT_NEEDED = "PILLION_NEEDS_TESSERACT"
"""Set where CI knows that the program is to be had: no test may be skipped for want of it."""

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None and not os.environ.get(TESSERACT_NEEDED),
    reason="the tesseract program is not installed (Debian: apt-get install tesseract-ocr)",
)
"""Skips a test of the program where there is none; it fails there if TESSERACT_NEEDED is set."""
