"""The checksums of what is stored."""

from __future__ import annotations

from pathlib import Path

from pillion import _core
from pillion.model import NEVER_SAMPLED
from pillion.store import LocalStore

UUID = "abcd950a-1fee-8771-9887-d3dd49fa879c"


def test_every_byte_of_a_large_sidecar_counts(tmp_path: Path) -> None:
    """Large files of the user are identified by samples; what Pillion made is not."""
    store = LocalStore(tmp_path)
    store.create()
    place = f"content/ab/cd/{UUID}/proxies/480p.webm"
    path = store.sidecars / place
    path.parent.mkdir(parents=True)
    size = 65 << 20
    with path.open("wb") as file:
        file.truncate(size)
    checksum = _core.hash_file(path, sample_above=NEVER_SAMPLED).hash
    assert store.is_whole(place, size, checksum)
    with path.open("r+b") as file:
        file.seek(size // 3 + 12_345)
        file.write(b"\1")
    assert not store.is_whole(place, size, checksum)
