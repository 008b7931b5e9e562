"""Formats beside the core's, from the outside: the table, and text in a picture that only an extra reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import pillion
from tests.support import media
from tests.support.heics import heic
from tests.support.program import run, run_json


def test_the_table_is_printed_for_people_and_programs() -> None:
    rows = run_json("formats")
    assert {row["format"] for row in rows} >= {"jpeg", "raw", "heic", "jpeg2000"}
    assert all(row["installed"] or row["extra"] for row in rows if row["decoder"] != "pillow")
    printed = run("formats")
    assert printed.returncode == 0
    lines = printed.stdout.splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].split() == ["format", "extensions", "decoder", "alpha", "ICC", "installed", "reads"]


@pytest.mark.models
def test_text_in_a_heic_picture_is_read(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    path = tmp_path / "page.heic"
    path.write_bytes(heic(media.page(dpi=150)))
    read = pillion.ocr(path).text
    assert media.character_error_rate(media.PAGE_TEXT, read) < 0.05
