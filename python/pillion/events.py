"""What happens in a library, as typed events for callbacks, iterators and ``pillion events``. See docs/events.md.

An event says what was committed to the catalog. The catalog sets ``id`` and ``at`` when the event is read back: ids
grow by one, ``at`` is in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from operator import attrgetter
from typing import Any, ClassVar

from pillion.errors import ErrorClass
from pillion.model import SidecarKind, SidecarStatus, value


@value
class Event:
    """Base class of all events."""

    name: ClassVar[str] = ""
    id: int = 0
    at: float = 0.0


@value
class Queued(Event):
    """Jobs of a kind were added to the queue. ``jobs``: how many."""

    name: ClassVar[str] = "queued"
    kind: SidecarKind
    jobs: int


@value
class Started(Event):
    """A worker was given a job. ``attempt``: 1 for the first try."""

    name: ClassVar[str] = "started"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    attempt: int


@value
class Ready(Event):
    """Sidecars are at their final paths. ``seconds``: the worker's time; 0 if a finished file was found."""

    name: ClassVar[str] = "ready"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    bytes: int
    seconds: float


@value
class Failed(Event):
    """No sidecar was made. ``status``: ``empty``, ``unsupported``, ``failed``; ``pending`` if another try will follow.

    ``retry_at``: seconds since 1970, only with ``pending``.
    """

    name: ClassVar[str] = "failed"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    status: SidecarStatus
    error_class: ErrorClass | None
    message: str
    retry_at: float | None = None


@value
class Paused(Event):
    """Work is paused. ``kind`` None: every kind; ``location`` None: everywhere.

    ``reason``: ``user``, ``quiet_hours``, ``battery``, or the error class of a fault of the machine.
    """

    name: ClassVar[str] = "paused"
    kind: SidecarKind | None
    location: str | None
    reason: str
    message: str


@value
class Resumed(Event):
    """Paused work goes on."""

    name: ClassVar[str] = "resumed"
    kind: SidecarKind | None
    location: str | None
    reason: str


@value
class Progress(Event):
    """How far a run of the queue is, about once a second. ``left``: jobs of all the kinds it works on.

    ``seconds_left``: estimated from history, in all and, in ``kinds`` (kind -> {done, left, seconds_left}), for each
    kind alone.
    """

    name: ClassVar[str] = "progress"
    done: int
    left: int
    seconds_left: float
    kinds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@value
class Changed(Event):
    """Files came, changed, moved or went. ``files``: how many. ``gone``: contents that no file has any more.

    Many contents that went at once are in several events, of which the first has the number of files.
    """

    name: ClassVar[str] = "changed"
    files: int
    gone: tuple[str, ...] = ()


TYPES: Mapping[str, type[Event]] = {
    kind.name: kind for kind in (Queued, Started, Ready, Failed, Paused, Resumed, Progress, Changed)
}
FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("id", "at")) for kind in TYPES.values()
}
VALUES = {kind: attrgetter(*names) for kind, names in FIELDS.items()}


def event_json(event: Event) -> dict[str, Any]:
    """``{"id", "at", "event": NAME, ...}``: the object of one line of ``pillion events``."""
    fields_of = zip(FIELDS[type(event)], VALUES[type(event)](event), strict=True)
    return {"id": event.id, "at": event.at, "event": event.name, **dict(fields_of)}
