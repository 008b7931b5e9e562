"""MiniLM: known similarities, int8 beside float32, and what is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import tokenizers
from numpy.typing import NDArray

import pillion.api
from pillion.kinds.embedding import minilm, vectors
from pillion.kinds.embedding import models as weights
from pillion.kinds.embedding.kind import EMBEDDING_MODEL
from pillion.kinds.generator import BatchGenerator
from pillion.kinds.ocr.result import OcrLine, OcrPage, OcrResult
from pillion.kinds.registry import find
from pillion.model import Empty, Generated, GenerationRequest, SidecarKind
from tests.support import media, minilm_numpy, sentences
from tests.support.minilm_numpy import NumpyMiniLM

pytestmark = pytest.mark.models


def generate(source: Path, mime: str = "text/plain", texts: dict[SidecarKind, Path] | None = None) -> Generated:
    generator = find("embeddings", mime)
    assert generator is not None
    return generator.generate(request(source, mime, texts))


def request(source: Path, mime: str = "text/plain", texts: dict[SidecarKind, Path] | None = None) -> GenerationRequest:
    return GenerationRequest(
        kind="embeddings", variants=(EMBEDDING_MODEL,), source=source, mime=mime, texts=texts or {}
    )


def unpacked(made: Generated) -> dict[str, Any]:
    assert not isinstance(made, Empty)
    document: dict[str, Any] = msgpack.unpackb(made[0].data)
    return document


def test_the_known_similarity() -> None:
    pair = minilm.embed(["A man is eating food.", "A man is eating a piece of bread."], compute="float32")
    assert float(pair[0] @ pair[1]) == pytest.approx(0.7553, abs=5e-4)


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], NDArray[np.float32]]:
    """1,000 texts and their vectors by plain numpy."""
    texts = sentences.made(1000)
    folder = weights.found().path
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(minilm.MAX_TOKENS)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    return texts, minilm_numpy.vectors(folder, ids, together=32)


@pytest.mark.slow
@pytest.mark.parametrize(("compute", "least", "every"), [("float32", 0.9999, 4), ("int8", 0.99, 1)])
def test_vectors_are_those_of_plain_numpy(
    reference: tuple[list[str], NDArray[np.float32]], compute: str, least: float, every: int
) -> None:
    """In float32 they differ by rounding alone, which a part of the texts shows; it takes twice as long."""
    texts, wanted = reference[0][::every], reference[1][::every]
    cosines = (minilm.embed(texts, compute=compute) * wanted).sum(axis=1)
    assert cosines.min() >= least, texts[int(cosines.argmin())]


def test_centring_changes_nothing_but_rounding() -> None:
    folder = weights.found().path
    plain, centred = NumpyMiniLM(folder), NumpyMiniLM(folder)
    centred.weights = minilm.centred(plain.weights)
    ids = [101, *range(2000, 2040), 102]
    assert float(plain.vector(ids) @ centred.vector(ids)) > 0.999999


@pytest.mark.parametrize("compute", ["int8", "float32"])
def test_a_vector_does_not_depend_on_what_is_beside_it(compute: str) -> None:
    texts = sentences.made(60, longest=40)
    together = minilm.embed(texts, compute=compute)
    some = np.concatenate([minilm.embed(texts[:7], compute=compute), minilm.embed(texts[7:], compute=compute)])
    alone = np.concatenate([minilm.embed([text], compute=compute) for text in texts[:20]])
    assert together.tobytes() == some.tobytes()
    assert together[:20].tobytes() == alone.tobytes()


def test_sidecars_made_together_are_those_made_alone(tmp_path: Path) -> None:
    generator = find("embeddings", "text/plain")
    assert isinstance(generator, BatchGenerator)
    requests = []
    for number, text in enumerate(["One.", "Two of a kind.", " ", "Two of a kind.", sentences.made(1, longest=200)[0]]):
        path = tmp_path / f"{number}.txt"
        path.write_text(text)
        requests.append(request(path))
    requests.append(request(tmp_path / "gone.txt"))
    prepared = generator.prepare(requests)
    assert prepared[-1] is None
    for one, there in zip(requests[:-1], prepared, strict=False):
        assert there is not None
        assert generator.generate(replace(one, prepared=there)) == generator.generate(one)


def test_what_is_too_much_for_one_batch_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_CHUNKS_TOGETHER", 2)
    path = tmp_path / "page.txt"
    path.write_text(media.PAGE_TEXT * 5)
    (tmp_path / "short.txt").write_text("Short.")
    long, after = vectors.embed_batch([request(path), request(tmp_path / "short.txt")], compute="int8")
    assert long is not None
    assert long.vectors is None
    assert after is None


def test_vectors_are_unit_and_in_order() -> None:
    texts = ["one", "a much longer sentence about ships and maps " * 5, "three", ""]
    together = pillion.api.embed(texts)
    assert together.shape == (4, 384)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    alone = np.concatenate([minilm.embed([text], compute="float32") for text in texts])
    assert (minilm.embed(texts, compute="float32") * alone).sum(axis=1).min() > 0.9999
    assert pillion.api.embed([]).shape == (0, 384)


def test_meaning_is_found() -> None:
    library = ["The stove is lit before dawn.", "Ships follow the coast.", "Children bind a book."]
    question = pillion.api.embed(["vessels sailing along the shore"])[0]
    assert int((pillion.api.embed(library) @ question).argmax()) == 1


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
    line = OcrLine(text="The harbour library opens at nine.", box=(10, 20, 90, 30.04))
    page = OcrPage(number=1, source="ocr", width=100, height=100, unit="pixel", lines=(line,))
    sidecar.write_text(OcrResult(engine="x", engine_version="1", languages=("eng",), pages=(page,)).to_json())
    document = unpacked(generate(photo, "image/jpeg", {"ocr": sidecar}))
    assert document["chunks"] == [
        {
            "source": "ocr",
            "start": 0,
            "end": 34,
            "text": line.text,
            "part": "page",
            "number": 1,
            "box": [10, 20, 90, 30],
        }
    ]


def test_nothing_to_embed(photo: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.txt"
    blank.write_text(" \n\n ")
    assert generate(blank) == Empty(note="no text to embed")
    assert generate(photo, "image/jpeg") == Empty(note="no text to embed")
