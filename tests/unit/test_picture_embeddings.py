"""Pictures and texts as vectors: preprocessing beside a reference, tokens, and a model whose vectors are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import tokenizers
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.picture import models, towers
from pillion.kinds.picture.given import given
from pillion.kinds.picture.kind import KIND, PICTURE_EMBEDDINGS, PICTURE_MODEL
from pillion.kinds.picture.preprocessing import Preprocessing
from pillion.kinds.registry import named_policy, override, wanted_sidecars
from pillion.kinds.thumbnail.kind import THUMB
from pillion.weights import hub
from tests.support.towers import (
    CLIP_PREPROCESSOR,
    COLOURS,
    SIGLIP_PREPROCESSOR,
    directions,
    text_tower,
    write_model,
)

ONE_LEVEL = 1.01 / 255
"""Two scalings of a picture may round one of 256 levels in another way."""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PILLION_OFFLINE", "1")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    towers.picture_tower.cache_clear()
    towers.text_tower.cache_clear()
    yield
    towers.picture_tower.cache_clear()
    towers.text_tower.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "models")


def photograph(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Soft shapes with a little noise, the same each time."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(rows / (9 + 7 * at) + columns / (23 - 5 * at)) for at in range(channels)]
    noise = random.normal(0, 9, size=(height, width, channels))
    return np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


# preprocessing --------------------------------------------------------------------------------------------------------


def triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1 - np.abs(x))


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x, a = np.abs(x), -0.5
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def lines(length: int, wanted: int, filter_: Any) -> NDArray[np.float64]:
    """The matrix that scales a line: a filter as wide as the step, where the line is made shorter."""
    step = length / wanted
    wide = max(step, 1.0)
    centres = (np.arange(wanted)[:, None] + 0.5) * step
    weights: NDArray[np.float64] = filter_((np.arange(length)[None] + 0.5 - centres) / wide)
    return weights / weights.sum(axis=1, keepdims=True)


def scaled(pixels: NDArray[np.uint8], height: int, width: int, filter_: Any) -> NDArray[np.float64]:
    """A picture at another size, by matrices."""
    across = np.einsum("wx,yxc->ywc", lines(pixels.shape[1], width, filter_), pixels.astype(np.float64))
    down = np.einsum("hy,ywc->hwc", lines(pixels.shape[0], height, filter_), np.clip(across, 0, 255))
    return np.clip(down, 0, 255)


@pytest.mark.parametrize(("height", "width"), [(512, 341), (160, 512), (100, 90), (224, 224)])
def test_pictures_are_scaled_and_normalised_as_siglip_wants_them(height: int, width: int) -> None:
    pixels = photograph(height, width)
    found = Preprocessing.of(SIGLIP_PREPROCESSOR).apply(pixels)
    assert (found.shape, found.dtype) == ((1, 3, 224, 224), np.float32)
    expected = (scaled(pixels, 224, 224, triangle) / 255 - 0.5) / 0.5
    assert np.abs(found[0].transpose(1, 2, 0) - expected).max() <= 2 * ONE_LEVEL


@pytest.mark.parametrize(("height", "width"), [(512, 341), (160, 512), (300, 301)])
def test_pictures_are_cut_from_the_middle_as_clip_wants_them(height: int, width: int) -> None:
    pixels = photograph(height, width)
    found = Preprocessing.of(CLIP_PREPROCESSOR).apply(pixels)
    short = min(height, width)
    high, wide = int(224 * height / short), int(224 * width / short)
    top, left = (high - 224) // 2, (wide - 224) // 2
    whole = scaled(pixels, high, wide, cubic)[top : top + 224, left : left + 224]
    mean, std = (np.array(CLIP_PREPROCESSOR[name]) for name in ("image_mean", "image_std"))
    difference = np.abs(found[0].transpose(1, 2, 0) - (whole / 255 - mean) / std)
    assert found.shape == (1, 3, 224, 224)
    assert difference.max() <= 2 * ONE_LEVEL / 0.26


def test_what_is_transparent_is_white() -> None:
    pixels = photograph(300, 300, channels=4)
    pixels[..., 3] = 0
    assert np.allclose(Preprocessing.of(SIGLIP_PREPROCESSOR).apply(pixels), 1.0, atol=ONE_LEVEL)
    pixels[..., 3] = 255
    prepared = Preprocessing.of(SIGLIP_PREPROCESSOR)
    assert np.array_equal(prepared.apply(pixels), prepared.apply(np.ascontiguousarray(pixels[..., :3])))


@pytest.mark.parametrize(
    "change",
    [
        {"size": {"height": 10**6, "width": 224}},
        {"size": {"shortest_edge": 224}},
        {"size": "224"},
        {"resample": 17},
        {"image_std": [0.5, 0.0, 0.5]},
        {"image_mean": [0.5]},
        {"rescale_factor": float("nan")},
    ],
)
def test_a_config_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Preprocessing.of({**SIGLIP_PREPROCESSOR, **change})


# texts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends_by_itself", [False, True])
def test_texts_are_lower_case_end_and_are_filled_up(tmp_path: Path, ends_by_itself: bool) -> None:
    write_model(tmp_path / "models", ends_by_itself=ends_by_itself)
    words = towers.text_tower().words
    ids, known = words.encoded("A RED boat, photo")
    assert ids == [6, 3, 7, 2, 8, 1] + [0] * 58
    assert known == 6
    ids, known = words.encoded("red " * 500)
    assert ids == [3] * 63 + [1]
    assert known == 64
    assert words.encoded("") == ([1] + [0] * 63, 1)


def test_a_text_has_as_many_tokens_as_the_model_says(folder: Path) -> None:
    config = {"text_config": {"model_type": "clip_text_model", "max_position_embeddings": 12}}
    (folder / models.CONFIG).write_text(json.dumps(config))
    words = towers.text_tower().words
    assert (words.context, words.lower) == (12, False)
    assert words.encoded("RED red")[0] == [2, 3, 1] + [0] * 9


# vectors --------------------------------------------------------------------------------------------------------------


def test_words_and_pictures_have_the_vectors_that_the_graphs_give(folder: Path) -> None:
    for word, colour in COLOURS.items():
        text = np.array([*colour, 0.1], np.float32) @ directions()
        assert np.allclose(towers.of_text(f"a {word} boat"), text / np.linalg.norm(text), atol=1e-5)
    pixels = photograph(300, 400)
    mean = Preprocessing.of(SIGLIP_PREPROCESSOR).apply(pixels)[0].mean(axis=(1, 2))
    picture = mean @ directions()[:3]
    found = towers.of_picture(pixels)
    assert found.shape == (768,)
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(found, picture / np.linalg.norm(picture), atol=1e-4)


def test_a_tower_that_wants_a_mask_gets_one(tmp_path: Path) -> None:
    write_model(tmp_path / "models", mask=True)
    text = np.array([*COLOURS["blue"], 0.1], np.float32) @ directions()
    assert np.allclose(towers.of_text("blue"), text / np.linalg.norm(text), atol=1e-5)


@pytest.mark.parametrize("name", [models.VISION, models.PREPROCESSOR])
def test_a_damaged_model_says_so(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"{")
    with pytest.raises(ItemError, match="cannot be loaded") as raised:
        towers.of_picture(photograph(10, 10))
    assert raised.value.error_class is ErrorClass.MISSING_TOOL


def test_a_model_without_the_outputs_says_so(folder: Path) -> None:
    (folder / models.TEXT).write_bytes((folder / models.VISION).read_bytes())
    with pytest.raises(ItemError, match="input_ids"):
        towers.of_text("red")


def test_a_graph_that_takes_or_gives_another_size_says_so(folder: Path) -> None:
    config = {**SIGLIP_PREPROCESSOR, "size": {"height": 32, "width": 32}}
    (folder / models.PREPROCESSOR).write_text(json.dumps(config))
    with pytest.raises(ItemError, match="cannot be run") as raised:
        towers.of_picture(photograph(300, 300))
    assert raised.value.error_class is ErrorClass.MISSING_TOOL
    (folder / models.TEXT).write_bytes(text_tower(dimensions=512))
    with pytest.raises(ItemError, match="gives vectors of 512 dimensions, not 768"):
        towers.of_text("red")


# where the model is ---------------------------------------------------------------------------------------------------


def test_a_missing_model_says_where_it_can_be_had() -> None:
    with pytest.raises(ItemError, match=r"SigLIP 2 base .* is missing: .*pillion models siglip2") as raised:
        models.found()
    assert raised.value.error_class is ErrorClass.MISSING_TOOL
    (row,) = models.rows()
    assert not row.installed
    assert "onnx-community/siglip2-base-patch16-224-ONNX" in row.online
    assert "--revision ba1f3b0843f24bc5417d38e19c37b287d719b2f4" in row.offline
    assert dict(row.checksums) == dict(models.MODEL.pinned)
    assert all(len(digest) == 64 for digest in models.MODEL.pinned.values())


def test_the_recipe_names_the_bytes_that_decide(folder: Path) -> None:
    before = models.identity()
    (folder / models.TEXT).write_bytes(b"another")
    assert models.identity() == before, "the text tower decides nothing of a picture's vector"
    (folder / models.PREPROCESSOR).write_text("{}")
    assert models.identity() != before
    (folder / models.VISION).unlink()
    assert models.MODEL.sha256 in models.identity(), "the known one, where none is there"


def test_a_download_with_other_bytes_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def snapshot(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(folder)

    huggingface_hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.delenv("PILLION_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ItemError, match="is not the file that is known"):
        hub.downloaded(models.MODEL)
    assert asked["revision"] == models.MODEL.revision
    assert set(asked["allow_patterns"]) == set(models.MODEL.pinned)


# the kind -------------------------------------------------------------------------------------------------------------


def test_it_is_in_no_policy_and_made_from_the_thumbnail_that_fits() -> None:
    for name in ("mobile", "desktop", "server"):
        assert PICTURE_EMBEDDINGS not in named_policy(name).kinds
    policy = override(
        named_policy("desktop"),
        {PICTURE_EMBEDDINGS: {"enable": True}, THUMB: {"variants": ["icon", "detail@1x", "grid@2x"]}},
    )
    wants = wanted_sidecars(policy, "image/jpeg", None)
    (want,) = [want for want in wants if want.kind == PICTURE_EMBEDDINGS]
    (thumb,) = [want for want in wants if want.variant == "grid@2x"]
    assert want.awaits == THUMB
    assert want.recipe.settings["made_from"] == thumb.digest
    order = ["icon", "detail@1x", "grid@2x", "my own"]
    assert sorted(order, key=KIND.taken_first) == ["grid@2x", "detail@1x", "icon", "my own"]


def sidecar(**changes: Any) -> bytes:
    document = {
        "schema_version": 1,
        "kind": "picture-embeddings",
        "model": PICTURE_MODEL,
        "weights": "0" * 64,
        "dim": 768,
        "dtype": "float32-le",
        "vector": directions()[0].tobytes(),
    }
    packed: bytes = msgpack.packb({**document, **changes})
    return packed


def test_a_vector_that_somebody_else_made_is_looked_at() -> None:
    assert given(PICTURE_MODEL, sidecar(), {}).data == sidecar()
    for changes in ({"dim": 3}, {"vector": b"short"}, {"model": "other"}, {"schema_version": 2}):
        with pytest.raises(ItemError, match="is not that of picture embeddings") as raised:
            given(PICTURE_MODEL, sidecar(**changes), {})
        assert raised.value.error_class is ErrorClass.CORRUPT
    with pytest.raises(ItemError, match="no MessagePack"):
        given(PICTURE_MODEL, b"\xc1", {})


def test_a_token_that_is_not_there_is_none() -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    assert towers._token(tokenizer, "b") is None
    assert towers._token(tokenizer, None) is None
    assert towers._token(tokenizer, {"content": "a"}) == 0
