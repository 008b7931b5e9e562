"""Tesseract as a program: ending well is not success."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr.layout import Layout
from pillion.kinds.ocr.tesseract import ProgramRecogniser

_SILENT = """#!/bin/sh
if [ "$1" = --version ]; then echo "tesseract 5.3.0"; fi
exit 0
"""


def test_a_program_that_ends_well_and_writes_nothing_has_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tesseract"
    program.write_text(_SILENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ItemError, match="wrote nothing") as caught:
        ProgramRecogniser("eng", str(tmp_path)).recognise(np.zeros((40, 40), dtype=np.uint8), Layout.PAGE)
    assert caught.value.error_class is ErrorClass.CRASH
