"""An S3 server on loopback: moto's, behind a door at which a test can have it fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "sidecars"
KEY, SECRET = "AKIDEXAMPLE", "a-secret-of-the-tests"

_REFUSED = (
    b'<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code>'
    b"<Message>The key is not in our records.</Message></Error>"
)
_BROKEN = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We have a problem.</Message></Error>'

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class S3:
    """A server that runs until :meth:`stop`, and can be started again on the same port with what it holds.

    ``failing``: answer with 500. ``held``: an event; while it is not set, requests wait for it. ``asked``: what was
    asked of it, as (method, path). ``answered``: called with the same before each answer.
    """

    def __init__(self) -> None:
        self._app: Application = DomainDispatcherApplication(create_backend_app)
        self.failing = False
        self.held = threading.Event()
        self.held.set()
        self.asked: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Answer."""
        self._server = make_server("127.0.0.1", self.port, self._answer, threaded=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be gone: the port is closed."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What a program needs to reach it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def client(self) -> Any:
        """A client of another make."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        self.before(method, path)
        self.held.wait(120)
        said = environ.get("HTTP_AUTHORIZATION", "") + environ.get("QUERY_STRING", "")
        if self.failing:
            start_response("500 Internal Server Error", [("content-type", "application/xml")])
            return [_BROKEN]
        if KEY not in said:
            start_response("403 Forbidden", [("content-type", "application/xml")])
            return [_REFUSED]
        return self._app(environ, start_response)


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server with an empty bucket, which this process and those that it starts find in their environment."""
    server = S3()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    try:
        client = server.client()
        client.create_bucket(Bucket=BUCKET)
        yield server
        server.failing = False
        server.held.set()
        for bucket in client.list_buckets()["Buckets"]:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
                for item in page.get("Contents", ()):
                    client.delete_object(Bucket=bucket["Name"], Key=item["Key"])
    finally:
        server.held.set()
        server.stop()
