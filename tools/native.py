"""The native tools that a build from source needs, found or fetched.

The Rust core compiles libjpeg-turbo, whose SIMD code needs an assembler (nasm) on x86 processors and CMake anywhere.
CMake comes as a wheel (``build-system.requires``). nasm has no trustworthy wheel, so it is looked for in this order:

1. on PATH;
2. in Pillion's cache folder, where an earlier run has put it;
3. with ``apt-get install``, when the caller is root;
4. with ``apt-get download`` and ``dpkg -x`` into the cache folder, which needs no root;
5. otherwise one sentence says what to install.

Used by the build backend (``pip install .``), the bootstrap script and the Makefile, so that all three agree. Standard
library only: it runs before anything is installed. Command line::

    python3 tools/native.py run COMMAND ...     # runs COMMAND with the tools on PATH and the build cache set
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATE = "pillion-core"
SLOW_JPEG = "PILLION_ALLOW_SLOW_JPEG"

Environment = MutableMapping[str, str]


class MissingToolError(Exception):
    """A tool is neither there nor to be had. The message is one sentence that says what to install."""


def say(message: str) -> None:
    print(f"pillion build: {message}", file=sys.stderr, flush=True)


def cache_dir(environ: Environment = os.environ) -> Path:
    """Pillion's folder in the user's cache folder (not created)."""
    base = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "pillion"


# programs -------------------------------------------------------------------------------------------------------------


def find_program(name: str, package: str | None = None) -> Path | None:
    """``name`` on PATH, or in the copy that an earlier run fetched; None if neither is there and runs."""
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    fetched = cache_dir() / "tools" / (package or name) / "usr" / "bin" / name
    return fetched if os.access(fetched, os.X_OK) else None


def ensure_program(name: str, package: str | None = None, *, unpack: bool = True) -> Path | None:
    """Like :func:`find_program`, but installs or fetches the Debian package when the program is missing.

    ``unpack=False`` leaves out the way without root: a package that needs libraries of others does not run from a
    folder.
    """
    package = package or name
    found = find_program(name, package)
    if found is not None or shutil.which("apt-get") is None:
        return found
    if install_packages([package]):
        found = find_program(name, package)
    if found is None and unpack and shutil.which("dpkg") is not None:
        say(f"fetching {package} with apt-get into {cache_dir() / 'tools'}")
        _apt_unpack(package)
        found = find_program(name, package)
    return found


def install_packages(packages: Sequence[str]) -> bool:
    """Whether apt-get installed these Debian packages; False without it or where the caller is not root."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    say(f"installing {' '.join(packages)} with apt-get")
    return _apt_install(*packages)


def _quiet(command: list[str], cwd: Path | None = None) -> bool:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return done.returncode == 0


def _apt_install(*packages: str) -> bool:
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", *packages]
    # The package lists of a fresh machine may be missing or name a version that the mirror has dropped.
    return _quiet(install) or (_quiet(["apt-get", "update"]) and _quiet(install))


def _apt_unpack(package: str) -> bool:
    """Fetch a Debian package (apt checks its hash against the signed lists) and unpack it into the cache folder."""
    tools = cache_dir() / "tools"
    try:
        tools.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=tools, prefix=f".{package}."))
    except OSError:
        return False
    try:
        if not _quiet(["apt-get", "download", package], cwd=work):
            # No usable lists: make private ones, which needs no root.
            (work / "lists" / "partial").mkdir(parents=True)
            (work / "cache" / "archives" / "partial").mkdir(parents=True)
            private = ["-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
            if not _quiet(["apt-get", *private, "update"]):
                return False
            if not _quiet(["apt-get", *private, "download", package], cwd=work):
                return False
        unpacked = work / "unpacked"
        for deb in work.glob("*.deb"):
            if not _quiet(["dpkg", "-x", str(deb), str(unpacked)]):
                return False
        if not unpacked.is_dir():
            return False
        final = tools / package
        shutil.rmtree(final, ignore_errors=True)
        unpacked.rename(final)
        return True
    except OSError:
        return False
    finally:
        shutil.rmtree(work, ignore_errors=True)


def needs_nasm() -> bool:
    return platform.machine().lower() in {"x86_64", "amd64", "i386", "i586", "i686"}


def slow_jpeg_allowed(environ: Environment = os.environ) -> bool:
    return environ.get(SLOW_JPEG, "") not in {"", "0"}


def add_nasm(environ: Environment) -> bool:
    """Put nasm on PATH in ``environ``. False if it cannot be had and a build without SIMD is allowed.

    Raises MissingToolError if it cannot be had and is needed.
    """
    if not needs_nasm():
        return True
    # rav1d's assembly is 5 MB of macros. By default nasm goes over them until no jump gets shorter.
    environ.setdefault("NASMENV", "-O1")
    nasm = ensure_program("nasm")
    if nasm is not None:
        _prepend_path(environ, nasm.parent)
        return True
    if slow_jpeg_allowed(environ):
        say(f"no nasm found, and {SLOW_JPEG} is set: building without SIMD, so JPEG files decode more slowly")
        return False
    raise MissingToolError(
        "the JPEG decoder is built with the assembler nasm, which was not found and could not be fetched: install it "
        "(Debian and Ubuntu: apt-get install nasm, Fedora: dnf install nasm, Arch: pacman -S nasm) and try again, or "
        f"set {SLOW_JPEG}=1 to build a slower decoder without it"
    )


def leave_out_jpeg_programs(environ: Environment) -> None:
    """Tell CMake to build only the library of libjpeg-turbo, unless the caller brings a toolchain file."""
    toolchain = ROOT / "tools" / "jpeg.cmake"
    if toolchain.exists():
        environ.setdefault("CMAKE_TOOLCHAIN_FILE", str(toolchain))


def _prepend_path(environ: Environment, folder: Path) -> None:
    parts = environ.get("PATH", os.defpath).split(os.pathsep)
    if str(folder) not in parts:
        environ["PATH"] = os.pathsep.join([str(folder), *parts])


def check_compilers(environ: Environment = os.environ, *, rust: bool = True) -> None:
    """Raise MissingToolError if there is no C compiler or (unless the caller brings one) no Rust."""
    path = environ.get("PATH")
    if rust and shutil.which("cargo", path=path) is None:
        raise MissingToolError(
            "Pillion's core is written in Rust and cargo was not found: install Rust 1.89 or newer (https://rustup.rs) "
            "and try again, or install a released wheel, which needs no compiler"
        )
    if all(shutil.which(cc, path=path) is None for cc in (environ.get("CC") or "cc", "gcc", "clang")):
        raise MissingToolError(
            "no C compiler was found: install one (Debian and Ubuntu: apt-get install gcc) and try again"
        )


# build cache ----------------------------------------------------------------------------------------------------------


def set_target_dir(environ: Environment) -> Path | None:
    """Point cargo's build folder into the user's cache, one per checkout, unless CARGO_TARGET_DIR says otherwise.

    Only for git checkouts: an unpacked source archive is built once, where it is. Returns the folder, or None.
    """
    given = environ.get("CARGO_TARGET_DIR")
    if given:
        return Path(given).resolve()
    if not (ROOT / ".git").exists():
        return None
    targets = cache_dir(environ)
    target = targets / f"target-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:16]}"
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    _remove_orphans(targets)
    environ["CARGO_TARGET_DIR"] = str(target)
    return target


def _remove_orphans(targets: Path) -> None:
    """Remove the build folders of checkouts that are no longer there."""
    for target in targets.glob("target-" + "[0-9a-f]" * 16):
        with contextlib.suppress(OSError):
            source = (target / "source").read_text().strip()
            if source and not os.path.exists(source):
                shutil.rmtree(target, ignore_errors=True)


@contextlib.contextmanager
def exclusive(target: Path | None, environ: Environment) -> Iterator[None]:
    """Hold the build folder for one build at a time, and make a folder shared by several checkouts safe.

    cargo names the outputs of a cdylib without a hash, so in a shared folder it could take another checkout's library
    for its own. The folder therefore remembers who built last; when that changes, this crate's outputs are dropped
    (its dependencies stay).
    """
    if target is None:
        yield
        return
    target.mkdir(parents=True, exist_ok=True)
    with open(target / "source.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = target / "source"
        foreign = owner.exists() and owner.read_text().strip() != str(ROOT)
        if foreign and shutil.which("cargo", path=environ.get("PATH")) is not None:
            for profile in ("dev", "release"):
                subprocess.run(
                    ["cargo", "clean", "--quiet", "--package", CRATE, "--profile", profile],
                    cwd=ROOT,
                    env={**environ, "CARGO_TARGET_DIR": str(target)},
                    stdin=subprocess.DEVNULL,
                    check=False,
                )
        owner.write_text(f"{ROOT}\n")
        yield


# command line ---------------------------------------------------------------------------------------------------------


def build_environment(environ: Environment) -> list[str]:
    """Complete ``environ`` for cargo: nasm and CMake on PATH, libpython for test programs. Returns flags for cargo."""
    check_compilers(environ)
    leave_out_jpeg_programs(environ)
    flags = [] if add_nasm(environ) else ["--no-default-features"]
    if shutil.which("cmake", path=environ.get("PATH")) is None:
        _prepend_path(environ, Path(sysconfig.get_path("scripts")))
    if shutil.which("cmake", path=environ.get("PATH")) is None:
        raise MissingToolError("CMake was not found: run make setup, or install it with pip install cmake")
    # The interpreter itself, not the environment's link to it: cargo rebuilds when this path changes.
    environ.setdefault("PYO3_PYTHON", os.path.realpath(sys.executable))
    library = sysconfig.get_config_var("LIBDIR")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and library:
        parts = [library, *filter(None, [environ.get("LD_LIBRARY_PATH")])]
        environ["LD_LIBRARY_PATH"] = os.pathsep.join(parts)
    return flags


def match_maturin(environ: Environment, target: Path | None) -> None:
    """Set what maturin sets for pyo3, so that cargo takes pyo3 as maturin has compiled it for the editable install.

    Where maturin has not built here yet, or names the file in another way one day, pyo3 is only compiled once more.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    configs = list(target.glob(f"maturin/pyo3-config-*-{version}-abi3.txt")) if target is not None else []
    if len(configs) == 1:
        bits = 64 if sys.maxsize > 2**32 else 32
        environ.setdefault("PYO3_CONFIG_FILE", str(configs[0]))
        environ.setdefault("PYO3_ENVIRONMENT_SIGNATURE", f"{sys.implementation.name}-{version}-{bits}bit")


def run(command: list[str]) -> int:
    environ = dict(os.environ)
    flags = build_environment(environ)
    if flags and command[:1] == ["cargo"] and command[1:2] != ["fmt"]:
        command = [*command[:2], *flags, *command[2:]]
    target = set_target_dir(environ)
    match_maturin(environ, target)
    with exclusive(target, environ):
        return subprocess.run(command, env=environ, check=False).returncode


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] != "run":
        print("usage: native.py run COMMAND ...", file=sys.stderr)
        return 2
    try:
        return run(arguments[1:])
    except MissingToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
