"""The rows of ``pillion models``: which models are installed, where they were found, and how to get the others."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from pillion.model import SidecarKind
from pillion.weights import finding, hub
from pillion.weights.cache import sha256_of
from pillion.weights.known import KnownModel


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A model or data file. ``bytes`` and ``sha256`` are those of its weights; ``place`` says how it was found.

    ``looked_in``: every place, in order. ``online``, ``offline``: how to get it with and without a network; with a
    package index but no model hub the command of ``online`` works too. ``checksums``: (file, SHA-256) of the files that
    are known to the last byte.
    """

    name: str
    kind: SidecarKind
    installed: bool
    place: str
    path: str | None
    bytes: int | None
    sha256: str | None
    looked_in: tuple[str, ...]
    online: str
    offline: str
    checksums: tuple[tuple[str, str], ...] = ()


def model_row(kind: SidecarKind, known: KnownModel) -> ModelRow:
    """The row of a model from packages or the hub. Loads nothing."""
    found = finding.found_at(known)
    place, files = found or ("", [])
    hub = f"the model hub: pillion fetches {known.hub} when it is first needed"
    return ModelRow(
        name=known.name,
        kind=kind,
        installed=found is not None,
        place=place,
        path=str(files[0].parent) if files else None,
        bytes=sum(file.stat().st_size for file in files) if files else None,
        # Parts are joined and checked before they are used.
        sha256=(sha256_of(files[0]) if len(files) == 1 else known.sha256) if files else None,
        looked_in=tuple(_looked_in(known)),
        online=f"{known.install} (or {hub})" if known.install else hub,
        offline=_by_hand(known),
        checksums=tuple(known.pinned.items()),
    )


def _by_hand(known: KnownModel) -> str:
    """How to bring a model to a machine that has no network."""
    if not known.revision:
        return f"copy {', '.join(known.files)} of {known.hub} to $PILLION_MODELS/{known.name}/"
    return (
        f"where there is one, hf download {known.hub} {' '.join(known.files)} --revision {known.revision}"
        f" --local-dir {known.name}; then move that folder to $PILLION_MODELS/{known.name}/"
    )


def _looked_in(known: KnownModel) -> Iterator[str]:
    for place, folder in finding.local_places(known):
        yield f"{place}: {folder}"
    if not any(place == "PILLION_MODELS" for place, _ in finding.local_places(known)):
        yield "PILLION_MODELS: not set"
    for module, _ in known.parts:
        there = importlib.util.find_spec(module) is not None
        yield f"package: {module.replace('_', '-')} ({'installed' if there else 'not installed'})"
    yield f"hub: {known.hub} ({'not asked: offline is set' if hub.offline() else 'when first needed'})"
