"""Content uuids and sidecar paths."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.errors import ErrorClass, ItemError

UUID = "af1349b9-f5f9-81a6-a040-4dea36dcc949"


@given(raw=st.binary(min_size=32, max_size=32))
def test_a_content_uuid_keeps_122_bits_of_the_hash(raw: bytes) -> None:
    parsed = uuid.UUID(_core.content_uuid(raw.hex()))
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)
    mask = ~((0xF << 76) | (0x3 << 62))
    assert parsed.int & mask == int.from_bytes(raw[:16]) & mask


@pytest.mark.parametrize("wrong", ["", "af", "A" * 64, "g" * 64, "é" * 32, "a" * 65])
def test_other_hashes_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="64 lower-case hex digits"):
        _core.content_uuid(wrong)


@pytest.mark.parametrize(
    ("kind_dir", "variant", "extension"),
    [
        ("thumbs", "grid@2x", "webp"),
        ("ocr", "default", "json"),
        ("embeddings", "all-MiniLM-L6-v2", "msgpack"),
        ("my-own_kind", "default", "text"),
    ],
)
def test_sidecar_paths(kind_dir: str, variant: str, extension: str) -> None:
    path = _core.sidecar_path(UUID, kind_dir, variant, extension)
    assert path == f"content/af/13/{UUID}/{kind_dir}/{variant}.{extension}"


@given(parts=st.tuples(*[st.one_of(st.text(max_size=12), st.sampled_from(["..", ".", "a/b", "", "/etc", "a"]))] * 3))
def test_a_sidecar_path_never_leaves_its_folder(parts: tuple[str, str, str]) -> None:
    try:
        path = _core.sidecar_path(UUID, *parts)
    except ValueError:
        return
    pieces = path.split("/")
    assert pieces[:4] == ["content", "af", "13", UUID]
    assert len(pieces) == 6
    assert not {"", ".", ".."} & set(pieces)
    assert path.isascii()


@pytest.mark.parametrize("wrong", ["", UUID.upper(), UUID.replace("-", ""), "../" * 12, UUID + "a", UUID[:-1] + "/"])
def test_only_canonical_uuids_have_sidecars(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a content uuid"):
        _core.sidecar_path(wrong, "thumbs", "icon", "webp")


def test_sync_filesystem(tmp_path: Path) -> None:
    _core.sync_filesystem(tmp_path)
    with pytest.raises(ItemError) as caught:
        _core.sync_filesystem(tmp_path / "nothing")
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE
