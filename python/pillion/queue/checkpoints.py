"""Checkpoints: what a long job has made so far, kept in staging for its next try, whoever makes it.

A checkpoint belongs to a content and a recipe. It is written and read by the generator, in a worker; here is all that
the queue does with it. ``Limits.checkpoints`` of a kind says whether its jobs keep any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pillion.catalog.database import Database
from pillion.catalog.sidecars import still_due
from pillion.model import value


@value
class Checkpoint:
    """Of one try. ``path``: the file; ``age``: when it was written before the try began, 0 where there was none."""

    path: Path
    age: int


FOLDER = "checkpoints"
"""In staging."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """All checkpoints of a library. ``folder``: ``FOLDER`` in staging; it need not be there."""

    folder: Path

    def before_try(self, content_uuid: str, recipe: str) -> Checkpoint:
        """What a try that is about to begin goes on from, and leaves."""
        path = self.folder / f"{content_uuid}-{recipe}.json"
        return Checkpoint(path=path, age=_age(path))

    def came_further(self, checkpoint: Checkpoint) -> bool:
        """Whether the try that had this checkpoint wrote it again since it began."""
        return _age(checkpoint.path) > checkpoint.age

    def drop(self, checkpoint: Checkpoint) -> None:
        """Nobody goes on from it."""
        checkpoint.path.unlink(missing_ok=True)

    def drop_stale(self, database: Database) -> None:
        """Remove those whose sidecar is made, is wanted with another recipe, or belongs to a content that is gone."""
        paths = {path.stem.rpartition("-")[::2]: path for path in self.folder.glob("*-*.json")}
        if not paths:
            return
        with database.read() as connection:
            due = still_due(connection, list(paths))
        for key in paths.keys() - due:
            paths[key].unlink(missing_ok=True)


def _age(path: Path) -> int:
    """When a file was written (its mtime in ns); 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
