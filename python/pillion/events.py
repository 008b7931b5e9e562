"""What happens in a library, as typed events: for callbacks, iterators and ``pillion events``. docs/events.md.

An event says what has been committed to the catalog. ``id`` and ``at`` are given by the catalog when it is read back:
ids grow by one, ``at`` is seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from pillion.errors import ErrorClass
from pillion.model import SidecarKind, SidecarStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""

    name: ClassVar[str] = ""
    id: int = 0
    at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued(Event):
    """So many ``jobs`` of a kind came into the queue."""

    name: ClassVar[str] = "queued"
    kind: SidecarKind
    jobs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """A worker has been given a job. ``attempt``: 1 for the first try."""

    name: ClassVar[str] = "started"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready(Event):
    """Sidecars are at their final paths. ``seconds``: of the worker; 0 where a finished file was found."""

    name: ClassVar[str] = "ready"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Event):
    """No sidecar came of it. ``status``: ``empty``, ``unsupported``, ``failed``; ``pending`` while another try is due.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused(Event):
    """Work is held back. ``kind`` None: every kind; ``location`` None: everywhere.

    ``reason``: ``user``, ``quiet_hours``, ``battery``, or the error class of a fault of the machine.
    """

    name: ClassVar[str] = "paused"
    kind: SidecarKind | None
    location: str | None
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed(Event):
    """What was paused goes on."""

    name: ClassVar[str] = "resumed"
    kind: SidecarKind | None
    location: str | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Event):
    """How far a run of the queue is, about once a second. ``left``: jobs of all kinds worked.

    ``seconds_left``: from measured history, for all of it and (``kinds``: kind -> {done, left, seconds_left}) for each
    kind by itself.
    """

    name: ClassVar[str] = "progress"
    done: int
    left: int
    seconds_left: float
    kinds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


_TYPES: Mapping[str, type[Event]] = {
    kind.name: kind for kind in (Queued, Started, Ready, Failed, Paused, Resumed, Progress)
}
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("id", "at")) for kind in _TYPES.values()
}
_READERS: Mapping[str, Any] = {
    "kind": SidecarKind,
    "status": SidecarStatus,
    "error_class": ErrorClass,
    "variants": tuple,
}


def stored_json(event: Event) -> dict[str, Any]:
    """``{"event": NAME, ...}``, without ``id`` and ``at``, which the catalog keeps beside it."""
    values: dict[str, Any] = {"event": event.name}
    for name in _FIELDS[type(event)]:
        values[name] = getattr(event, name)
    return values


def event_json(event: Event) -> dict[str, Any]:
    """``{"id", "at", "event": NAME, ...}``: the object of one line of ``pillion events``."""
    return {"id": event.id, "at": event.at, **stored_json(event)}


def event_of(values: Mapping[str, Any], *, id: int, at: float) -> Event:
    """The event behind :func:`stored_json`. Raises ValueError for a name that there is not."""
    kind = _TYPES.get(str(values.get("event")))
    if kind is None:
        raise ValueError(f"There is no event '{values.get('event')}'.")
    known = {name: values[name] for name in _FIELDS[kind] if name in values}
    for name, read in _READERS.items():
        if known.get(name) is not None:
            known[name] = read(known[name])
    return kind(id=id, at=at, **known)
