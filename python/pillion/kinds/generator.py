"""The protocol of all generators.

A generator turns one content into the sidecars of one kind. Of the user's files it reads only the source; it returns
bytes, and writes only its checkpoint, if it has one. It runs in a child process and may be killed at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from pillion.model import Generated, GenerationRequest, Recipe, SidecarKind


class Generator(Protocol):
    """One way to make one kind of sidecar from some types of file."""

    kind: SidecarKind
    name: str
    """Stored in the recipe, e.g. ``"thumb-image"``."""
    version: int
    """Raised by one whenever the same source and settings would give other bytes."""

    def accepts(self, mime: str) -> bool:
        """Whether this generator handles files of this type."""
        ...

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The recipe for one variant. Cheap: called in the parent process, so it loads no engine and no model."""
        ...

    def generate(self, request: GenerationRequest) -> Generated:
        """Make all variants of ``request`` from one read of the source.

        Raises :class:`pillion.errors.ItemError` with the class that explains the failure.
        """
        ...


@runtime_checkable
class BatchGenerator(Generator, Protocol):
    """A generator that is faster with several contents together than one by one."""

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """Work on contents together: for each request, in order, the value that ``generate`` gets as ``prepared``.
        None for a content to be done alone, such as one that cannot be read: ``generate`` reports the error. The result
        of ``generate`` must not depend on whether, or with which others, a request was prepared.
        """
        ...
