"""What happens in a library, as typed events: for callbacks, iterators and ``pillion events``. docs/events.md.

An event says what has been committed to the catalog. ``id`` and ``at`` are given by the catalog when it is read back:
ids grow by one, ``at`` is seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from operator import attrgetter
from typing import Any, ClassVar

from pillion.errors import ErrorClass
from pillion.model import SidecarKind, SidecarStatus, value


@value
class Event:
    """Base of all events."""

    name: ClassVar[str] = ""
    id: int = 0
    at: float = 0.0


@value
class Queued(Event):
    """So many ``jobs`` of a kind came into the queue."""

    name: ClassVar[str] = "queued"
    kind: SidecarKind
    jobs: int


@value
class Started(Event):
    """A worker has been given a job. ``attempt``: 1 for the first try."""

    name: ClassVar[str] = "started"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    attempt: int


@value
class Ready(Event):
    """Sidecars are at their final paths. ``seconds``: of the worker; 0 where a finished file was found."""

    name: ClassVar[str] = "ready"
    kind: SidecarKind
    content_uuid: str
    variants: tuple[str, ...]
    bytes: int
    seconds: float


@value
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


@value
class Paused(Event):
    """Work is held back. ``kind`` None: every kind; ``location`` None: everywhere.

    ``reason``: ``user``, ``quiet_hours``, ``battery``, or the error class of a fault of the machine.
    """

    name: ClassVar[str] = "paused"
    kind: SidecarKind | None
    location: str | None
    reason: str
    message: str


@value
class Resumed(Event):
    """What was paused goes on."""

    name: ClassVar[str] = "resumed"
    kind: SidecarKind | None
    location: str | None
    reason: str


@value
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
_VALUES = {kind: attrgetter(*names) for kind, names in _FIELDS.items()}
_READERS: Mapping[str, Any] = {
    "kind": SidecarKind,
    "status": SidecarStatus,
    "error_class": ErrorClass,
    "variants": tuple,
}


def stored_event(event: Event) -> tuple[Any, ...]:
    """``(NAME, field, ...)`` in the order of the fields, without ``id`` and ``at``, which the catalog keeps beside it.

    Without the fields' names, as every job has two of them: a field that is added goes to the end, with a default.
    """
    return (event.name, *_VALUES[type(event)](event))


def event_json(event: Event) -> dict[str, Any]:
    """``{"id", "at", "event": NAME, ...}``: the object of one line of ``pillion events``."""
    fields_of = zip(_FIELDS[type(event)], _VALUES[type(event)](event), strict=True)
    return {"id": event.id, "at": event.at, "event": event.name, **dict(fields_of)}


def event_of(stored: Sequence[Any], *, id: int, at: float) -> Event:
    """The event behind :func:`stored_event`. Raises ValueError for a name that there is not."""
    name, *values = stored
    kind = _TYPES.get(name)
    if kind is None:
        raise ValueError(f"There is no event '{name}'.")
    known = dict(zip(_FIELDS[kind], values, strict=False))
    for name, read in _READERS.items():
        if known.get(name) is not None:
            known[name] = read(known[name])
    return kind(id=id, at=at, **known)
