"""A server of a library, as another program meets it: a process of its own, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.program import changed

API = "/api/v1"


@dataclass(frozen=True)
class Answer:
    """What the server said. ``headers``: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The value in the body."""
        return json.loads(self.body)


@dataclass
class Served:
    """A running server. ``said``: the lines that it printed until it was ready."""

    process: subprocess.Popen[str]
    port: int
    said: list[str]
    host: str = "127.0.0.1"

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        json_body: object = None,
        body: bytes | None = None,
        timeout: float = 120,
        **headers: str,
    ) -> Answer:
        """Send one request. ``headers``: with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path if path.startswith("/") else f"{API}/{path}", body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: Any) -> Any:
        """The JSON at an address that must answer with 200."""
        answer = self.ask(path, **headers)
        assert answer.status == 200, answer.body
        return answer.json

    def stop(self) -> int:
        """End it with SIGTERM; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def serving(library: Path | str, *options: str | Path, changes: str = "") -> Iterator[Served]:
    """A server of a library at a free port, ready for requests. ``changes``: Python that it runs before all else."""
    command = [*changed(changes), "serve", "--library", str(library), "--port", "0", *map(str, options)]
    # What it warns of goes to a file: nobody reads it meanwhile, and it would wait for room in a pipe.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as warned,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=warned, text=True) as process,
    ):
        assert process.stdout is not None
        said: list[str] = []
        try:
            while True:
                line = process.stdout.readline()
                if not line:
                    process.wait()
                    warned.seek(0)
                    raise AssertionError(warned.read())
                said.append(line.rstrip("\n"))
                match = re.search(r" at https?://\S+?:(\d+)/", line)
                if match:
                    yield Served(process, int(match[1]), said)
                    return
        finally:
            process.kill()
            process.wait()


def is_problem(answer: Answer, status: int) -> bool:
    """Whether an answer is an error as RFC 9457 has it."""
    kind = answer.headers.get("content-type", "")
    return (
        answer.status == status
        and kind == "application/problem+json"
        and answer.json["status"] == status
        and bool(answer.json["detail"])
    )
