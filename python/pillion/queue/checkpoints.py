"""Checkpoints: what a long job has made so far, kept in staging for its next try, whoever makes it.

A checkpoint belongs to a content and a recipe; it may have parts beside it, files that are written once. It is written
and read by the generator, in a worker; here is all that the queue does with it. ``Limits.checkpoints`` of a kind says
whether its jobs keep any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pillion.catalog.database import Database
from pillion.catalog.sidecars import still_due
from pillion.model import value
from pillion.store import is_part


@value
class Checkpoint:
    """Of one try. ``path``: the file; ``age``: when it was written before the try began, 0 where there was none."""

    path: Path
    age: int


FOLDER = "checkpoints"
"""In staging."""
_ENDING = ".json"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """All checkpoints of a library. ``folder``: ``FOLDER`` in staging; it need not be there."""

    folder: Path

    def before_try(self, content_uuid: str, recipe: str) -> Checkpoint:
        """What a try that is about to begin goes on from, and leaves."""
        return self.at(self.folder / f"{content_uuid}-{recipe}{_ENDING}")

    def at(self, path: Path) -> Checkpoint:
        """The one at a path, as it is now."""
        return Checkpoint(path=path, age=_age(path))

    def came_further(self, checkpoint: Checkpoint) -> bool:
        """Whether the try that had this checkpoint wrote it again since it began."""
        return _age(checkpoint.path) > checkpoint.age

    def drop(self, checkpoint: Checkpoint) -> None:
        """Nobody goes on from it."""
        for path in (checkpoint.path, *self._parts_of(checkpoint.path.name)):
            path.unlink(missing_ok=True)

    def _parts_of(self, name: str) -> list[Path]:
        return [path for path in self.folder.glob(f"{name}.*") if is_part(path.name, name)]

    def drop_stale(self, database: Database) -> None:
        """Remove those whose sidecar is made, is wanted with another recipe, or belongs to a content that is gone."""
        # Of one that was killed amid its first part there is only that.
        names = {path.name.partition(_ENDING)[0] for path in self.folder.glob(f"*-*{_ENDING}*")}
        paths = {name.rpartition("-")[::2]: self.folder / f"{name}{_ENDING}" for name in names}
        if not paths:
            return
        with database.read() as connection:
            due = still_due(connection, list(paths))
        for key in paths.keys() - due:
            self.drop(Checkpoint(path=paths[key], age=0))


def _age(path: Path) -> int:
    """When a file was written (its mtime in ns); 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
