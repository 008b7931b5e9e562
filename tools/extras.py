"""What each extra takes and what works with it: ``tools/extras.py WHEEL [EXTRA ...]`` (no extra: each).

For each extra a fresh environment without pip, into which the wheel is installed with it. Its size is that of all files
in site-packages, compiled Python included, in MB of 1,000,000 bytes. Then the installed program is tried on one file of
each sort, outside of this checkout and without its packages. What is printed are the tables of README.md and
docs/installing.md.

The weights and what makes the sample files are those of the environment that runs this (``make setup-dev``): the
weights by way of ``PILLION_MODELS``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import venv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pillion.extras import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

BASE = "base"
_LONGEST_S = 600


@dataclass(frozen=True)
class Environment:
    """One with the wheel in it. ``variables``: of the programs that are run in it."""

    folder: Path
    variables: Mapping[str, str]

    def ended(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``pillion`` with these arguments, in an empty folder."""
        return subprocess.run(
            [self.folder / "bin" / "pillion", *map(str, arguments)],
            env=self.variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )

    def megabytes(self) -> float:
        """The size of its site-packages."""
        (packages,) = self.folder.glob("lib/python*/site-packages")
        files = (path for path in packages.rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_size for path in files) / 1e6


# what is tried --------------------------------------------------------------------------------------------------------


def make_inputs(folder: Path) -> None:
    """One file of each sort."""
    from tests.support import heics, media, photos, raws, speech

    photos.write_photo(folder / "picture.jpg", seed=1)
    (folder / "picture.heic").write_bytes(heics.heic(photos.photo(2, (640, 480))))
    (folder / "undeveloped.dng").write_bytes(raws.undeveloped())
    media.write_video(folder / "film.mp4", seed=3)
    media.write_pdf(folder / "printed.pdf", [media.PAGE_TEXT])
    media.scanned(media.page(), seed=1).save(folder / "scan.png", dpi=(300, 300))
    (folder / "note.txt").write_text(media.PAGE_TEXT, encoding="utf-8")
    import_module("tests.support.office").write(folder, "docx")
    speech.say(speech.SENTENCES["en"], "en", folder / "spoken.wav")


def _thumb(environment: Environment, source: Path) -> str:
    """Why there is none; empty where it was made."""
    made = environment.folder / "made"
    return _problem(environment.ended("thumb", source, "--output", made))


def _text(command: str) -> Callable[[Environment, Path], str]:
    return lambda environment, source: _problem(environment.ended(command, source), least=20)


def _problem(ended: subprocess.CompletedProcess[str], least: int = 0) -> str:
    if ended.returncode == 0 and len(ended.stdout.strip()) >= least:
        return ""
    return (ended.stderr or ended.stdout or "it printed nothing").strip().splitlines()[-1]


def _made(kind: str) -> Callable[[Environment, Path], str]:
    def tried(environment: Environment, source: Path) -> str:
        folder, library = environment.folder / f"files-{kind}", environment.folder / f"library-{kind}"
        folder.mkdir()
        os.link(source, folder / source.name)
        where = ("--library", library)
        ended = environment.ended("index", folder, *where, "--kinds", kind)
        rows = [json.loads(line) for line in environment.ended("ls", *where, "--json").stdout.splitlines()]
        if any(row.get("kind") == kind and row.get("state") == "ready" for row in rows):
            return ""
        said = [line for line in (ended.stdout + ended.stderr).splitlines() if "pip install" in line]
        return said[-1] if said else _problem(ended, least=1 << 30)

    return tried


def _served(environment: Environment, source: Path) -> str:
    library = environment.folder / "library-served"
    environment.ended("index", source.parent, "--library", library, "--no-wait")
    command = [environment.folder / "bin" / "pillion", "serve", "--library", library, "--port", "0", "--no-work"]
    with subprocess.Popen(
        [str(part) for part in command],
        env=environment.variables,
        cwd=environment.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for said in process.stdout:
            address = re.search(r"http://127\.0\.0\.1:\d+", said)
            if address is not None:
                with urllib.request.urlopen(f"{address[0]}/api/v1/status", timeout=60) as answer:
                    problem = "" if answer.status == 200 else f"it answered {answer.status}"
                process.terminate()
                return problem
    return said.strip()


TRIALS: Mapping[str, tuple[str, Callable[[Environment, Path], str]]] = {
    "`thumb` of pictures": ("picture.jpg", _thumb),
    "`thumb` of PDFs": ("printed.pdf", _thumb),
    "`thumb` of HEIC": ("picture.heic", _thumb),
    "`thumb` of raw files without a preview": ("undeveloped.dng", _thumb),
    "`thumb` of videos": ("film.mp4", _thumb),
    "`ocr` of PDFs with text": ("printed.pdf", _text("ocr")),
    "`ocr` of scans": ("scan.png", _text("ocr")),
    "`text` of UTF-8 files": ("note.txt", _text("text")),
    "`text` of documents": ("*.docx", _text("text")),
    "`transcribe`": ("spoken.wav", _text("transcribe")),
    "`index`: thumbnails": ("picture.jpg", _made("thumb")),
    "`index`: embeddings": ("note.txt", _made("embeddings")),
    "`serve`": ("note.txt", _served),
}
"""What is tried -> the file it is tried on, and what says why it does not work, or nothing."""


# the environments -----------------------------------------------------------------------------------------------------


def models_folder(folder: Path) -> Path:
    """The weights of this environment, as ``PILLION_MODELS`` wants them."""
    from pillion.errors import PillionError
    from pillion.kinds.embedding import models as embedding_models
    from pillion.kinds.ocr import models as ocr_models
    from pillion.kinds.transcript import models as transcript_models

    folder.mkdir()
    with suppress(PillionError):
        (folder / "whisper-base").symlink_to(transcript_models.found("base").path)
    with suppress(PillionError):
        (folder / embedding_models.MODEL.name).symlink_to(embedding_models.found().path)
    languages = ocr_models.installed_languages()
    if languages:
        (folder / "tessdata").symlink_to(ocr_models.language_folder(languages))
    return folder


def install(wheel: Path, extra: str, folder: Path, models: Path) -> Environment:
    """A fresh environment with the wheel and one extra. Raises CalledProcessError."""
    venv.create(folder, with_pip=False, symlinks=True)
    named = str(wheel) if extra == BASE else f"{wheel}[{extra}]"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--only-binary", ":all:", named], check=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    variables = {**kept, "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "PILLION_MODELS": str(models)}
    return Environment(folder, variables)


def tried(environment: Environment, inputs: Path) -> dict[str, str]:
    """What was tried -> why it does not work; nothing where it does."""
    found = {}
    for name, (pattern, trial) in TRIALS.items():
        (source,) = inputs.glob(pattern)
        found[name] = trial(environment, source)
    return found


def main(arguments: Sequence[str]) -> None:
    """Install, measure and try, and print the tables."""
    parser = argparse.ArgumentParser(description="What each extra takes, and what works with it.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"{BASE}, {', '.join(EXTRAS)} or all; none: each")
    options = parser.parse_args(arguments)
    if not any(name.startswith("pillion/_core") for name in zipfile.ZipFile(options.wheel).namelist()):
        parser.error(f"{options.wheel} leads to a checkout; give one that make wheel made")
    sizes: dict[str, float] = {}
    works: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="pillion-extras-") as work:
        inputs = Path(work) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        models = models_folder(Path(work) / "models")
        for extra in options.extras or (BASE, *EXTRAS, "all"):
            with tempfile.TemporaryDirectory(dir=work) as folder:
                environment = install(options.wheel.resolve(), extra, Path(folder) / "venv", models)
                sizes[extra] = environment.megabytes()
                works[extra] = tried(environment, inputs)
            print(f"{extra}: {sizes[extra]:.0f} MB", flush=True)
            for name, problem in works[extra].items():
                print(f"    {name}: {problem or 'yes'}", flush=True)
    rows = [("", list(sizes)), ("---", ["---"] * len(sizes)), ("MB", [f"{size:.0f}" for size in sizes.values()])]
    rows += [(name, ["no" if works[extra][name] else "yes" for extra in sizes]) for name in TRIALS]
    print()
    for first, rest in rows:
        print(f"| {first} | {' | '.join(rest)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
