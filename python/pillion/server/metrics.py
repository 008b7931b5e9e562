"""What Prometheus reads, in its text format: the queue, what was made and what failed, ages, and the server itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pillion import __version__
from pillion.server.http import Answer, Request

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.server.app import Api

_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


def metric(name: str, kind: str, text: str, values: Iterable[tuple[Labels, float]]) -> str:
    """A metric with its values; ``kind``: gauge or counter."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in values:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        labelled = f"{name}{{{inner}}}" if inner else name
        lines.append(f"{labelled} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """The whole value: a counter that is rounded seems to stand still."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


async def show_metrics(api: Api, request: Request) -> Answer:
    """All metrics."""
    body = await api.counts.of("metrics", _of_library) + _of_server(api)
    return Answer(200, body.encode(), _TYPE, [(b"cache-control", b"no-store")])


def _of_library(library: Library) -> str:
    now = library.status()
    usage = library.maintenance.usage()
    counts = library.requests.failure_counts()
    ages = {kind: max(0.0, time.time() - at) for kind, at in library.requests.waiting_since().items()}
    jobs = [
        ({"kind": str(kind), "state": state.value}, number)
        for kind, line in sorted(now.queue.items())
        for state, number in line.counts.items()
    ]
    sidecars = [
        ({"kind": str(kind), "state": state.value}, number)
        for kind, states in sorted(now.sidecars.items())
        for state, number in states.items()
    ]
    size = [({"kind": str(row.kind), "variant": row.variant}, row.bytes) for row in usage.rows if row.bytes]
    failed = [({"kind": str(kind), "class": name}, number) for (kind, name), number in sorted(counts.items())]
    offline = sum(1 for place in now.locations if place.offline)
    return "".join(
        (
            metric("pillion_files", "gauge", "Files in the watched folders.", [({}, now.totals.files)]),
            metric("pillion_contents", "gauge", "Different contents of these.", [({}, now.totals.contents)]),
            metric(
                "pillion_unidentified_files", "gauge", "Files that cannot be read.", [({}, now.totals.unidentified)]
            ),
            metric("pillion_jobs", "gauge", "Jobs by kind and state.", jobs),
            metric("pillion_sidecars", "gauge", "Sidecars by kind and state.", sidecars),
            metric("pillion_sidecar_bytes", "gauge", "Bytes of ready sidecars.", size),
            metric("pillion_failures", "gauge", "Sidecars that failed, by kind and class.", failed),
            metric(
                "pillion_oldest_queued_seconds",
                "gauge",
                "How long the job that was queued first has waited.",
                [({"kind": str(kind)}, age) for kind, age in sorted(ages.items())],
            ),
            metric("pillion_holds", "gauge", "Faults of the machine that hold work back.", [({}, len(now.holds))]),
            metric("pillion_pauses", "gauge", "Pauses by the user.", [({}, len(now.pauses))]),
            metric("pillion_offline_locations", "gauge", "Watched folders that are offline.", [({}, offline)]),
        )
    )


def _of_server(api: Api) -> str:
    feed = api.feed
    requests = [
        ({"method": method, "status": str(status)}, number) for (method, status), number in sorted(api.answered.items())
    ]
    ready = [({"kind": kind}, number) for kind, number in sorted(feed.ready.items())]
    failed = [({"kind": kind, "class": name}, number) for (kind, name), number in sorted(feed.failed.items())]
    workers = api.about().get("workers", {})
    return "".join(
        (
            metric("pillion_info", "gauge", "The version of Pillion.", [({"version": __version__}, 1)]),
            metric("pillion_newest_event", "counter", "The id of the newest event.", [({}, feed.newest)]),
            metric("pillion_made_total", "counter", "Sidecars made since the server began.", ready),
            metric("pillion_failed_total", "counter", "Tries that failed since then.", failed),
            metric("pillion_http_requests_total", "counter", "Requests answered since then.", requests),
            metric("pillion_http_waiting", "gauge", "Requests that wait for a sidecar.", [({}, api.making.waiting)]),
            metric("pillion_http_listeners", "gauge", "Clients that listen for events.", [({}, feed.listeners)]),
            metric(
                "pillion_worker_restarts_total",
                "counter",
                "How often the process that works the queue was begun again.",
                [({}, workers.get("restarts", 0))],
            ),
            metric(
                "pillion_workers_up",
                "gauge",
                "Whether the process that works the queue runs.",
                [({}, 1 if workers.get("state") == "running" else 0)],
            ),
            metric("pillion_start_time_seconds", "gauge", "When the server began.", [({}, api.begun)]),
        )
    )
