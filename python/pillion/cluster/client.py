"""The connection to a Dask scheduler. Only this module, and the one line in worker.py that asks where it is, know Dask.

Its settings count as everywhere (``~/.config/dask``, ``DASK_...``): certificates for ``tls://``, for example.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pillion import extras
from pillion.cluster import worker
from pillion.cluster.protocol import PIECE_BYTES
from pillion.errors import PillionError, UsageError

_CONNECT_S = 10.0
_ANSWER_S = 60.0
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+):\d{1,5}/?")


class ClusterAwayError(PillionError):
    """The scheduler of the Dask cluster does not answer; what was given to it is back in the queue."""

    exit_code = 4


class WorkersDied(Exception):
    """Several machines, or their Dask workers, ended while they ran the same batch."""


class Broken(Exception):
    """The batch did not run at all: a worker lacks Pillion, for example. The message says why."""


def check_address(address: str) -> str:
    """Raises UsageError for what is no address of a scheduler, or for ``tls://`` without certificates; ItemError where
    the package for it is missing."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address!r} is no address of a Dask scheduler, such as tcp://scheduler:8786 or tls://....")
    extras.require("dask", "Dask clusters")
    if address.startswith("tls:"):
        _check_certificates()
    return address


def _check_certificates() -> None:
    """Whether Dask's settings name the certificates that a client shows and goes by. Raises UsageError."""
    import distributed

    security: Any = distributed.Security
    try:
        lacking = security().get_connection_args("client")["ssl_context"] is None
    except (OSError, ValueError) as error:
        raise UsageError(f"The certificates that Dask's settings name cannot be used ({_said(error)}).") from error
    if lacking:
        raise UsageError(
            "An address with tls:// needs certificates: say them in ~/.config/dask (distributed.comm.tls: ca-file, and"
            " cert and key of client), or by DASK_DISTRIBUTED__COMM__TLS__CA_FILE,"
            " DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
        )


class Placed:
    """A batch that Dask has."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def outcome(self) -> bytes | None:
        """What it returned, when it has ended; None if it was cancelled or its scheduler is gone.

        Raises WorkersDied, Broken.
        """
        from distributed.scheduler import KilledWorker

        status = self._future.status
        if status == "finished":
            with suppress(Exception):
                returned = self._future.result(timeout=_ANSWER_S)
                return returned if isinstance(returned, bytes) else b""
            return None
        if status != "error":
            return None
        with suppress(OSError, TimeoutError):
            error = self._future.exception(timeout=_ANSWER_S)
            if isinstance(error, KilledWorker):
                raise WorkersDied
            raise Broken(f"{type(error).__name__}: {error}"[:300])
        return None

    def release(self) -> None:
        """Its outcome was read: nobody has to keep it."""
        with suppress(Exception):
            self._future.release()

    def drop(self) -> None:
        """It is not wanted any more."""
        with suppress(Exception):
            self._future.cancel()


class Cluster:
    """A scheduler at an address. All methods may be called from any thread; they raise ClusterAwayError."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Any = None

    def connect(self) -> None:
        """Begin; again after it was away."""
        self.close()
        import distributed

        begin: Any = distributed.Client

        # What it says of lost connections is said here in one sentence.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self._client = begin(self.address, timeout=_CONNECT_S, set_as_default=False, name="pillion")
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterAwayError(f"The Dask scheduler at {self.address} does not answer ({_said(error)}).") from error

    def close(self) -> None:
        """End the connection; Dask drops what it still has of ours."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close(timeout=2)

    def workers(self) -> Mapping[str, int]:
        """The address of each worker -> how many batches it runs at a time."""
        found: dict[str, int] = self._asked(lambda client: dict(client.nthreads()))
        return found

    def submit(self, key: str, order: bytes, workers: Sequence[str] | None, others: bool, urgency: int) -> Placed:
        """Give it a batch. ``workers``: only these may run it, or with ``others`` preferably these."""
        return Placed(
            self._asked(
                lambda client: client.submit(
                    worker.run,
                    order,
                    key=key,
                    workers=list(workers) if workers else None,
                    allow_other_workers=others and bool(workers),
                    priority=urgency,
                    retries=0,
                )
            )
        )

    def when_done(self, placed: Placed, call: Callable[[], None]) -> None:
        """Call it, in a thread of Dask's, when a batch has ended in any way."""
        placed._future.add_done_callback(lambda _: call())

    def send(self, to: str, name: str, offset: int, data: bytes) -> None:
        """A piece of a file to a worker."""
        self._asked(lambda client: client.run(worker.receive, name, offset, data, workers=[to]))

    def get(self, where: str, name: str, offset: int) -> bytes:
        """A piece of a file from a worker."""
        found = self._asked(lambda client: client.run(worker.give, name, offset, workers=[where]))
        data = found.get(where)
        if not isinstance(data, bytes) or len(data) > PIECE_BYTES:
            raise ClusterAwayError(f"The Dask worker at {where} does not have a file that it made.")
        return data

    def forget(self, where: str, names: Sequence[str]) -> None:
        """Files that a worker need not keep."""
        self._asked(lambda client: client.run(worker.forget, list(names), workers=[where]))

    def given(self, keys: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Workers -> which of these batches they have."""
        found = self._asked(lambda client: dict(client.processing()))
        return {where: mine for where, had in found.items() if (mine := [key for key in had if key in keys])}

    def kept(self, where: str, batches: Sequence[str]) -> object:
        """What has come further of these batches on a worker: Progress as bytes."""
        return self._asked(lambda client: client.run(worker.kept, list(batches), workers=[where])).get(where)

    def bind(self, key: str, where: str) -> None:
        """Let no other worker begin a batch that this one has begun: not if it dies, either."""
        self._asked(lambda client: client.sync(client.scheduler.set_restrictions, worker={key: [where]}))

    def stop(self, batch: str, numbers: Sequence[int]) -> None:
        """Stop these items of a batch, wherever it runs."""
        self._asked(lambda client: client.run(worker.stop, batch, list(numbers), on_error="ignore"))

    def _asked(self, ask: Callable[[Any], Any]) -> Any:
        client = self._client
        if client is None or client.status != "running":
            raise ClusterAwayError(f"The Dask scheduler at {self.address} does not answer.")
        try:
            return ask(client)
        except Exception as error:
            # Whatever Dask raises: it did not do what it was asked.
            raise ClusterAwayError(f"The Dask cluster at {self.address} failed ({_said(error)}).") from error


def _said(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}"[:200] if text else type(error).__name__
