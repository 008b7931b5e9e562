"""What several unit tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.catalog.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty catalog."""
    opened = Database(tmp_path / "catalog.sqlite")
    opened.prepare()
    yield opened
    opened.close()
