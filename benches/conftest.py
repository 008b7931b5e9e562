"""What the benchmarks share: inputs, sizes, and how a row says which tool it measured.

A benchmark module measures one piece of work, once per tool, in one run::

    @pytest.mark.benchmark(group="ocr: a 300-dpi page")
    @pytest.mark.parametrize("tool", ["pillion", "pytesseract"])
    def test_ocr_page(benchmark, tool, page): ...

Pillion's own row has the parameter ``pillion`` (or ``extra_info["tool"] = "pillion"``). ``benches/thresholds.toml``
names groups and what Pillion may need in them; ``tools/bench.py`` (make bench) runs all, prints the table and checks
the limits. ``benches/gates.py`` is apart: the few that CI gates, each beside one peer.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.support import media, photos, speech

_absent: list[dict[str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--smoke", action="store_true", help="small inputs, one round: only to see that it runs")


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    output_json["smoke"] = config.getoption("--smoke")
    output_json["absent"] = _absent


def absent(group: str, tool: str, why: str) -> NoReturn:
    """Skip a tool that is not on this machine; the table says so."""
    _absent.append({"group": group, "tool": tool, "why": why})
    pytest.skip(f"{tool}: {why}")


@pytest.fixture(scope="session")
def smoke(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--smoke"))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="session")
def photo_12mp(inputs: Path, smoke: bool) -> Path:
    """A 12-megapixel JPEG photograph (small in a smoke run)."""
    return photos.write_photo(inputs / "photo.jpg", seed=1, size=(800, 600) if smoke else photos.TWELVE_MEGAPIXELS)


@pytest.fixture(scope="session")
def page_300dpi(inputs: Path) -> Path:
    """A page of type, A4 at 300 dpi, as PNG. Its text is media.PAGE_TEXT."""
    return media.write_page(inputs / "page.png")


@pytest.fixture(scope="session")
def speech_minute(inputs: Path, smoke: bool) -> Path:
    """A minute of English speech as FLAC (15 seconds in a smoke run)."""
    samples, rate = media.read_wav(speech.say(speech.SENTENCES["en"], "en", inputs / "speech.wav"))
    repeated = samples if smoke else np.concatenate([samples] * 4)
    return media.write_audio(inputs / "speech.flac", repeated, rate)


@pytest.fixture(scope="session")
def tesseract_program() -> str | None:
    """The tesseract program, or None."""
    return shutil.which("tesseract")
