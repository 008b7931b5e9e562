"""A Dask cluster of this machine: a scheduler and workers, each a process that a test may kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import lasting_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]

_QUIET = {
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__DISK": "False",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
}


class Cluster:
    """``folder``: for files and logs. Programs of it inherit ``env``. ``protocol``: tcp or tls."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None, protocol: str = "tcp") -> None:
        self._folder = folder
        self._env = {**os.environ, **_QUIET, "PYTHONPATH": os.pathsep.join(_paths()), **(env or {})}
        self.port = lasting_port()
        self.address = f"{protocol}://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start_scheduler()

    def _start(self, name: str, module: str, *arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        with open(self._folder / f"{name}.log", "ab") as log:
            command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, env={**self._env, **env}, cwd=self._folder)

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        host = self.address.rpartition(":")[0]
        arguments = ("--host", host, "--port", str(self.port), "--no-dashboard", "--no-show")
        started = self._start("scheduler", "distributed.cli.dask_scheduler", *arguments, env={})
        wait_until(lambda: started.poll() is not None or self._answers(), "the scheduler")
        assert started.poll() is None, (self._folder / "scheduler.log").read_text(errors="replace")
        return started

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def restart_scheduler(self) -> None:
        """Start it again, where it was."""
        self.scheduler = self._start_scheduler()

    def add_worker(
        self,
        *,
        threads: int = 1,
        host: str | None = None,
        preload: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> int:
        """A worker in a process of its own; its number. ``host``: the name of its machine, as Pillion sees it."""
        number = len(self.workers)
        arguments = [self.address, "--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--death-timeout", "300"]
        arguments += ["--local-directory", str(self._folder / f"worker-{number}"), "--name", str(number)]
        arguments += ["--preload", preload] if preload else []
        env = {**(env or {}), **({"PILLION_HOST": host} if host else {})}
        self.workers.append(self._start(f"worker-{number}", "distributed.cli.dask_worker", *arguments, env=env))
        return number

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it without a word."""
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all."""
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                self.kill(process)


def _paths() -> Sequence[str]:
    """Where a worker finds this checkout and its tests."""
    return (str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))


@contextmanager
def running(folder: Path, env: dict[str, str] | None = None, protocol: str = "tcp") -> Iterator[Cluster]:
    """A cluster without workers, while inside."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder, env, protocol)
    try:
        yield cluster
    finally:
        cluster.stop()
