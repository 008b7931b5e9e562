"""Packages that are installed for one test: a wheel is made of a module and given to pip."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "packages"


def install(folder: Path, name: str, source: str, entry_points: str) -> None:
    """Install a package of one module ``name`` with entry points (the text of entry_points.txt) into ``folder``."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entry_points,
    }
    lines = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    subprocess.run([*command, "--no-deps", "--target", str(folder / "site"), "--upgrade", str(wheel)], check=True)


def install_wordcount(folder: Path) -> Path:
    """Install the kind ``wordcount``; returns the folder to put on the path."""
    install(folder, "wordcount", (HERE / "wordcount.py").read_text(), "[pillion.kinds]\nwordcount = wordcount:KIND\n")
    return folder / "site"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
