"""What all tools of the OCR comparisons share: one tesseract program and one folder with the same language data."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benches.peers.debian import unpack, with_dependencies
from benches.peers.environments import SetupError

LANGUAGES = ("eng", "deu", "fra", "spa", "osd")
_PACKAGES = ("tesseract-ocr", *(f"tesseract-ocr-{language}" for language in LANGUAGES))
_HOME = "usr/share/tesseract-ocr/5/tessdata"


def prepare(cache: Path) -> Path:
    """Make the program findable and return the folder with the data of :data:`LANGUAGES`. Raises SetupError.

    Debian's packages carry tessdata_fast, as Pillion's own do. They are unpacked into the cache folder. The program is
    the system's where there is one, else unpacked beside them; ``TESSDATA_PREFIX`` and ``PATH`` of this process, and
    so of all that it starts, are set.
    """
    home = cache / "tesseract"
    folder = home / "tessdata"
    if not all((folder / f"{language}.traineddata").is_file() for language in LANGUAGES):
        _gather(home, folder)
    os.environ["TESSDATA_PREFIX"] = str(folder)
    if shutil.which("tesseract") is None:
        _use_unpacked(home)
    return folder


def _gather(home: Path, folder: Path) -> None:
    unpack([f"tesseract-ocr-{language}" for language in LANGUAGES], home / "unpacked")
    folder.mkdir(exist_ok=True)
    for language in LANGUAGES:
        source = home / "unpacked" / _HOME / f"{language}.traineddata"
        if not source.is_file():
            raise SetupError(f"the Debian package tesseract-ocr-{language} holds no {source.name} any more")
        shutil.copyfile(source, folder / source.name)
    # The program looks for its output formats here.
    for name in ("configs", "tessconfigs"):
        system = Path("/", _HOME, name)
        if system.is_dir():
            shutil.copytree(system, folder / name, dirs_exist_ok=True)
        elif (home / "unpacked" / _HOME / name).is_dir():
            shutil.copytree(home / "unpacked" / _HOME / name, folder / name, dirs_exist_ok=True)


def _use_unpacked(home: Path) -> None:
    """The program from its package, with the libraries that it needs and this machine lacks beside it."""
    program = home / "unpacked" / "usr" / "bin" / "tesseract"
    if not program.is_file():
        unpack(with_dependencies("tesseract-ocr"), home / "unpacked")
        shutil.copytree(home / "unpacked" / _HOME, home / "tessdata", dirs_exist_ok=True)
    libraries = sorted({str(file.parent) for file in (home / "unpacked" / "usr" / "lib").rglob("*.so*")})
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")])
    os.environ["PATH"] = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])
    try:
        subprocess.run([str(program), "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"the tesseract program is not installed and its package does not run from a folder ({error}): "
            f"run apt-get install {' '.join(_PACKAGES)}"
        ) from None
