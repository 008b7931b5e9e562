"""The examples in README.md and docs/ are run, in order, in a new home folder with a few files of each sort.

A block of Python or shell that a test cannot run (it builds, needs a network or never ends) stands below a line
``<!-- not run by the tests: why -->``, which a reader does not see, and is listed in NOT_RUN here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pillion.cli.options import LIBRARY_VARIABLE
from pillion.settings.config import load_config
from tests.support import media, office
from tests.support.program import run_anew as run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = {
    ("README.md", "make demo"),
    ("README.md", "make demo DIR=~/Pictures"),
    ("README.md", "pip install '.[all,models]'"),
    ("building.md", "make setup        # .venv with everything, Pillion built in release mode"),
    ("installing.md", "pip install pillion                       # thumbnails and the text of PDFs"),
    ("backup.md", 'sqlite3 photos.pillion/catalog.sqlite ".backup backup/catalog.sqlite"'),
    ("events.md", "pillion events --follow            # from now on, until Ctrl-C (exit code 130)"),
    ("scale.md", "pip install 'pillion[cluster]'"),
    ("scale.md", "pip install 'pillion[dask]'    # here, and where the Dask workers run, with the extras of the kinds"),
    ("scale.md", "export DASK_DISTRIBUTED__COMM__TLS__CA_FILE=/etc/dask/ca.pem"),
    ("scale.md", "pillion migrate photos.pillion postgresql://pillion@db.example/pillion"),
    ("scale.md", "pillion locations map /mnt/archive /data/archive        # on the machine where it is /data/archive"),
    ("search.md", "pillion search plum jam"),
    (
        "devices.md",
        "pillion token create gpu --scope work > gpu.token      # on the one with the library and its `pillion serve`",
    ),
    ("object-store.md", "export AWS_ENDPOINT_URL=http://nas:9000 AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=..."),
    ("devices.md", "pillion peer add desk http://desk.local:8640 --token-file ~/.config/desk.token"),
    ("devices.md", "pillion token create phone > desk.token      # on the desk; take the file to the other device"),
    (
        "devices.md",
        "pillion export-library /media/me/drawer/pillion      # on one device; run it again to add what is new",
    ),
    (
        "serving.md",
        "pillion serve                                    # http://127.0.0.1:8640/api/v1, for this machine alone",
    ),
}
"""(document, first line of the block)."""
LANGUAGES = {"python", "sh", "toml", "json", "text"}


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    """Of its first line of code, from 1."""
    language: str
    code: str
    not_run: str | None
    """Why, if it is marked so."""


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    fenced = re.compile(
        r"(?:^<!-- not run by the tests: ([^\n]+) -->\n)?^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL
    )
    for found in fenced.finditer(text):
        line = text.count("\n", 0, found.start(3)) + 1
        yield Block(document.name, line, found[2], found[3], found[1])


BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
RUN = [block for block in BLOCKS if block.language in {"python", "sh"} and block.not_run is None]


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory,
    photo: Path,
    text_page: Path,
    scanned_pdf: Path,
    speech_wav: Path,
    talking_video: Path,
) -> Path:
    """A home folder with the files that the examples name, and a program ``pillion`` in its ``bin``.

    ``photos.pillion`` is where the default library will be.
    """
    folder = tmp_path_factory.mktemp("home")
    (folder / "data" / "pillion" / "library").mkdir(parents=True)
    (folder / "photos.pillion").symlink_to(folder / "data" / "pillion" / "library")
    pictures = folder / "Pictures"
    pictures.mkdir()
    shutil.copy(photo, pictures / "photo.jpg")
    (pictures / "note.txt").write_text("Plum jam: boil the plums with sugar.")
    for source, name in ((photo, "photo.jpg"), (text_page, "letter.png"), (scanned_pdf, "scan.pdf")):
        shutil.copy(source, folder / name)
    shutil.copy(talking_video, pictures / "talk.mp4")
    samples, rate = media.read_wav(speech_wav)
    media.write_audio(folder / "talk.mp3", samples, rate)
    office.write(folder, "epub").rename(folder / "book.epub")
    program = folder / "bin" / "pillion"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pillion "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """What the examples run in: the folder ``home``, and a library made of its ``Pictures``."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", os.defpath)])
    inherited = {name: value for name, value in os.environ.items() if name != LIBRARY_VARIABLE}
    environment = {
        **inherited,
        "HOME": str(home),
        "PATH": path,
        "PILLION_OFFLINE": "1",
        "XDG_CACHE_HOME": cache,
        "XDG_DATA_HOME": str(home / "data"),
    }
    subprocess.run(["pillion", "index", "Pictures"], cwd=home, env=environment, check=True, capture_output=True)
    return environment


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.parametrize("document", sorted({block.document for block in RUN}))
def test_examples_run(document: str, home: Path, environment: dict[str, str]) -> None:
    """Each block ends with exit code 0; Python's with warnings as errors."""
    for block in RUN:
        if block.document == document:
            how = [sys.executable, "-W", "error", "-c"] if block.language == "python" else ["sh", "-eu", "-c"]
            done = subprocess.run(
                [*how, block.code], cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=240
            )
            assert done.returncode == 0, f"{document}, line {block.line}:\n{block.code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "toml"], ids=lambda block: block.line)
def test_examples_of_settings_are_read(block: Block, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(block.code)
    assert load_config(config) != load_config(tmp_path / "absent.toml")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=lambda block: block.line)
def test_examples_of_json_are_json(block: Block) -> None:
    json.loads(block.code)


def test_every_block_names_its_language() -> None:
    """So that none is passed over: no block without one, and none that is only indented."""
    unknown = [f"{block.document}, line {block.line}" for block in BLOCKS if block.language not in LANGUAGES]
    assert unknown == []
    for document in DOCUMENTS:
        outside = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert re.findall(r"\n\n    \S.*", outside) == [], document.name


def test_what_is_not_run_is_listed() -> None:
    marked = {(block.document, block.code.splitlines()[0]) for block in BLOCKS if block.not_run is not None}
    assert marked == NOT_RUN


def test_readme_lists_every_command() -> None:
    table = re.findall(r"^\| (`pillion .+?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in table for name in re.findall(r"`pillion ([\w-]+)", row)}
    shown = re.findall(r"^ *│? {0,2}([a-z][a-z-]*) {2,}", run("--help", env={"NO_COLOR": "1"}).stdout, re.MULTILINE)
    assert listed == set(shown)
