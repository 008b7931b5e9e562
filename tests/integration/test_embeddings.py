"""MiniLM: known similarities, int8 beside float32, and what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

import pillion.text
from pillion.engines import minilm
from pillion.generators import find, vectors
from pillion.model import EMBEDDING_MODEL, Empty, Generated, GenerationRequest, SidecarKind
from tests.support import media, speech

pytestmark = pytest.mark.models


def generate(source: Path, mime: str = "text/plain", texts: dict[SidecarKind, Path] | None = None) -> Generated:
    generator = find(SidecarKind.EMBEDDINGS, mime)
    assert generator is not None
    return generator.generate(
        GenerationRequest(
            kind=SidecarKind.EMBEDDINGS, variants=(EMBEDDING_MODEL,), source=source, mime=mime, texts=texts or {}
        )
    )


def unpacked(made: Generated) -> dict[str, Any]:
    assert not isinstance(made, Empty)
    document: dict[str, Any] = msgpack.unpackb(made[0].data)
    return document


def test_the_known_similarity() -> None:
    pair = minilm.embed(["A man is eating food.", "A man is eating a piece of bread."], compute="float32")
    assert float(pair[0] @ pair[1]) == pytest.approx(0.7553, abs=5e-4)


def test_int8_stays_near_float32() -> None:
    text = " ".join((media.PAGE_TEXT, media.GERMAN_PAGE_TEXT, *speech.SENTENCES.values()))
    sentences = [sentence.strip() for sentence in text.split(".") if len(sentence) > 10]
    exact, fast = minilm.embed(sentences, compute="float32"), minilm.embed(sentences)
    assert (exact * fast).sum(axis=1).min() >= 0.99


def test_vectors_are_unit_and_in_order() -> None:
    texts = ["one", "a much longer sentence about ships and maps " * 5, "three", ""]
    together = pillion.text.embed(texts)
    assert together.shape == (4, 384)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    alone = np.concatenate([minilm.embed([text], compute="float32") for text in texts])
    assert (minilm.embed(texts, compute="float32") * alone).sum(axis=1).min() > 0.9999
    assert pillion.text.embed([]).shape == (0, 384)


def test_meaning_is_found() -> None:
    library = ["The stove is lit before dawn.", "Ships follow the coast.", "Children bind a book."]
    question = pillion.text.embed(["vessels sailing along the shore"])[0]
    assert int((pillion.text.embed(library) @ question).argmax()) == 1


def test_a_text_file(tmp_path: Path) -> None:
    text = media.PAGE_TEXT * 5
    source = tmp_path / "page.txt"
    source.write_text(text)
    document = unpacked(generate(source))
    assert len(document["chunks"]) >= 4
    for chunk in document["chunks"]:
        assert chunk["source"] == "file"
        assert text[chunk["start"] : chunk["end"]] == chunk["text"]
        assert len(minilm.tokens(chunk["text"])) <= minilm.MAX_TOKENS - 2
    stored = np.frombuffer(document["vectors"], "<f4").reshape(-1, document["dim"])
    assert len(stored) == len(document["chunks"])
    first = minilm.embed([document["chunks"][0]["text"]])[0]
    assert float(stored[0] @ first) > 0.999


def test_long_text_is_taken_in_strides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_STRIDE", 700)
    text = media.PAGE_TEXT * 3
    source = tmp_path / "page.txt"
    source.write_text(text)
    chunks = unpacked(generate(source))["chunks"]
    assert "".join("".join(chunk["text"].split()) for chunk in chunks) == "".join(text.split())
    assert all(text[chunk["start"] : chunk["end"]] == chunk["text"] for chunk in chunks)


def test_more_than_fits_is_said_to_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_MAX_CHUNKS", 2)
    source = tmp_path / "page.txt"
    source.write_text(media.PAGE_TEXT * 5)
    document = unpacked(generate(source))
    assert (len(document["chunks"]), document["truncated"]) == (2, True)


def test_text_comes_from_ready_sidecars(photo: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "default.json"
    sidecar.write_text(json.dumps({"text": "The harbour library opens at nine."}))
    document = unpacked(generate(photo, "image/jpeg", {SidecarKind.OCR: sidecar}))
    assert [(chunk["source"], chunk["text"]) for chunk in document["chunks"]] == [
        ("ocr", "The harbour library opens at nine.")
    ]


def test_nothing_to_embed(photo: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.txt"
    blank.write_text(" \n\n ")
    assert generate(blank) == Empty(note="no text to embed")
    assert generate(photo, "image/jpeg") == Empty(note="no text to embed")
