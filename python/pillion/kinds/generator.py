"""The protocol every generator fulfils.

A generator turns one content into the sidecars of one kind. It reads the source (and nothing else of the user's),
returns bytes, and writes nothing but its checkpoint, if it is given one. It runs in a child process; it may be killed
at any moment.
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
    """A generator that gets through several contents together quicker than one by one."""

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """Work on contents together: for each request, in order, what ``generate`` then finds in its ``prepared``.

        None for what is to be made alone, such as all that cannot be read: ``generate`` says what is wrong with it.
        What ``generate`` makes must not depend on whether, or with which others, a request was prepared.
        """
        ...
