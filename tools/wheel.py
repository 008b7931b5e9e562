"""Make what is published, and check it: ``make wheel``.

Into ``dist/``: a wheel for every CPython from 3.11 on (abi3) and every Linux with glibc 2.28 or newer
(manylinux_2_28), and a source archive. The wheel is linked by zig, which knows the symbols of each glibc, so the
machine's own may be newer. On other systems than Linux the wheel is an ordinary one.

Then the checks: ``auditwheel`` must grant the tag, ``twine`` must like the metadata, the wheel is installed and used in
each Python from 3.11 to 3.14 found here, without a compiler on PATH, and the source archive builds itself.

A Python is looked for as ``python3.X`` on PATH, then among pyenv's versions.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import native

ROOT = native.ROOT
DIST = ROOT / "dist"
# What auditwheel calls the policy. zig links against this glibc.
POLICY = "manylinux_2_28"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Decodes with libjpeg-turbo, libwebp and rav1d, and encodes with libwebp: all that is not written in Rust.
SMOKE = """
import io

import pillion
from PIL import Image, features

for form in ("JPEG", "WEBP", "AVIF"):
    if form == "AVIF" and not features.check("avif"):
        continue
    file = io.BytesIO()
    Image.new("RGB", (640, 480), (200, 40, 40)).save(file, form)
    made = pillion.thumbnail(file.getvalue(), ["grid@1x"])["grid@1x"]
    with Image.open(io.BytesIO(made)) as image:
        red, green, blue = image.convert("RGB").getpixel((5, 5))
        assert image.format == "WEBP" and abs(red - 200) + abs(green - 40) + abs(blue - 40) < 30, (form, image)
print(pillion.__file__)
"""


class WheelError(Exception):
    """The wheel cannot be made or is not fit to be published. The message is a sentence."""


def say(message: str) -> None:
    print(f"wheel: {message}", flush=True)


def run(command: list[str | Path], problem: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command and return what it printed; raise WheelError(problem), with all it printed shown, if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise WheelError(f"{problem} (what it printed is above)")
    return done.stdout


def module(name: str, *arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", name, *arguments]


# making ---------------------------------------------------------------------------------------------------------------


def make_archive() -> Path:
    say("packing the source archive")
    run(module("maturin", "sdist", "--out", DIST), "maturin could not pack the source archive")
    return only("*.tar.gz")


def make_wheel(environ: dict[str, str]) -> Path:
    say("building the wheel (the first time it compiles everything for it: some minutes)")
    flags = native.build_environment(environ)
    command = module("maturin", "build", "--release", "--out", DIST, "--interpreter", environ["PYO3_PYTHON"], *flags)
    if sys.platform == "linux":
        command += ["--zig", "--compatibility", POLICY]
    with native.exclusive(native.set_target_dir(environ), environ):
        run(command, "maturin could not build the wheel", environ)
    return only("*.whl")


def only(pattern: str) -> Path:
    found = list(DIST.glob(pattern))
    if len(found) != 1:
        raise WheelError(f"there should be one {pattern} in {DIST} and there are {len(found)}")
    return found[0]


# checking -------------------------------------------------------------------------------------------------------------


def check_tags(wheel: Path) -> None:
    if not re.search(r"-cp311-abi3-", wheel.name):
        raise WheelError(f"{wheel.name} is not for every Python from 3.11 on (cp311-abi3)")
    if sys.platform != "linux":
        return
    printed = run(module("auditwheel", "show", wheel), "auditwheel could not read the wheel")
    granted = re.search(r'"(manylinux_\d+_\d+)_\w+"', " ".join(printed.split()))
    if granted is None or _glibc(granted[1]) > _glibc(POLICY):
        print(printed, file=sys.stderr)
        raise WheelError(f"auditwheel does not grant {POLICY} (its words are above)")
    say(f"auditwheel grants {granted[1]}")


def _glibc(policy: str) -> tuple[int, ...]:
    return tuple(int(part) for part in policy.split("_")[1:])


def check_metadata(*files: Path) -> None:
    run(module("twine", "check", "--strict", *files), "twine finds fault with the metadata")
    say("twine passes both files")


def find_python(version: str) -> Path | None:
    """An interpreter of this version that runs and can make environments, or None."""
    candidates: list[Path] = []
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        candidates.append(Path(on_path))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    for candidate in candidates:
        # pyenv puts programs on PATH that only say that their version is not selected.
        code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def check_installs(wheel: Path) -> None:
    """Install and use the wheel in each Python there is, with neither compiler nor cargo on PATH."""
    tried = 0
    for version in PYTHONS:
        python = find_python(version)
        if python is None:
            say(f"no Python {version} here (neither python{version} on PATH nor in pyenv): not tried")
            continue
        with fresh_environment(python) as venv:
            environ = {**os.environ, "PATH": str(venv / "bin")}
            environ.pop("PYTHONPATH", None)
            command: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"]
            command += ["--quiet", "--only-binary", ":all:", wheel]
            run(command, f"the wheel could not be installed in Python {version}", environ, venv)
            use(venv, environ, version)
        tried += 1
    if not tried:
        raise WheelError(f"none of the Pythons {', '.join(PYTHONS)} is here, so the wheel could not be tried")


def use(venv: Path, environ: dict[str, str], version: str) -> None:
    printed = run([venv / "bin" / "python", "-c", SMOKE], f"Pillion does not work in Python {version}", environ, venv)
    if str(venv) not in printed:
        raise WheelError(f"another Pillion than the installed one was imported: {printed.strip()}")
    told = run([venv / "bin" / "pillion", "--version"], f"pillion does not start in Python {version}", environ, venv)
    say(f"Python {version}: installed, made thumbnails, says {told.strip()}")


def check_archive(archive: Path) -> None:
    """Install from the source archive in a fresh environment, with the libraries compiled for this checkout at hand."""
    say("building from the source archive")
    environ = dict(os.environ)
    target = native.set_target_dir(environ)
    with fresh_environment(Path(sys.executable)) as venv:
        command: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"]
        run([*command, "--quiet", archive], "the source archive could not be built and installed", environ, venv)
        use(venv, {**os.environ, "PATH": str(venv / "bin")}, "{}.{}".format(*sys.version_info))
    # The build folder is this checkout's again: without this it would count as that of a checkout which is gone.
    with native.exclusive(target, environ):
        pass


@contextlib.contextmanager
def fresh_environment(python: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pillion-wheel-") as folder:
        venv = Path(folder) / "venv"
        run([python, "-m", "venv", venv], f"{python} could not make an environment")
        yield venv


def main() -> int:
    parser = argparse.ArgumentParser(description="Make and check a wheel and a source archive in dist/.")
    parser.add_argument("--only-make", action="store_true", help="leave out the installs in fresh environments")
    options = parser.parse_args()
    environ = dict(os.environ)
    try:
        DIST.mkdir(exist_ok=True)
        for old in [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]:
            old.unlink()
        archive = make_archive()
        wheel = make_wheel(environ)
        check_tags(wheel)
        check_metadata(wheel, archive)
        if not options.only_make:
            check_installs(wheel)
            check_archive(archive)
    except (WheelError, native.MissingToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for file in (wheel, archive):
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
