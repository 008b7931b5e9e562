"""Where a known model is: a folder that the user names, the caches, installed packages, then the hub."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pillion.errors import ItemError
from pillion.weights.cache import cache_folder, filled_folder, is_whole, sha256_of
from pillion.weights.hub import downloaded
from pillion.weights.known import KnownModel, ModelFolder, brief, missing

Join = Callable[[KnownModel, Sequence[Path], Path], None]
"""Joins the weights of several packages in a folder."""


def resolved(known: KnownModel, join: Join | None) -> ModelFolder:
    """A model, ready to load; ``join`` assembles it from several packages. Raises ItemError (missing_tool)."""
    folder = local(known)
    if folder is not None:
        return ModelFolder(folder, sha256_of(folder / known.weights))
    sources = package_folders(known)
    if sources and len(sources) == 1:
        check(known, sources[0] / known.weights)
        return ModelFolder(sources[0], known.sha256)
    if sources and join is not None:
        folder = filled_folder(known.name, functools.partial(join, known, sources))
        return ModelFolder(folder, known.sha256)
    return downloaded(known)


def identity_of(known: KnownModel) -> str:
    """``<name>@sha256:...`` for recipes, or ``<name>@hub:...`` for a model that only the hub has."""
    folder = local(known)
    if folder is not None:
        return f"{known.name}@sha256:{sha256_of(folder / known.weights)}"
    # The hash of a model that only the hub has is unknown until it is downloaded.
    return f"{known.name}@sha256:{known.sha256}" if known.sha256 else f"{known.name}@hub:{known.hub}"


def local(known: KnownModel) -> Path | None:
    """The folder of a model in an explicit place or a cache; None if neither has it."""
    return next((folder for _, folder in local_places(known) if _holds(folder, known)), None)


def local_places(known: KnownModel) -> list[tuple[str, Path]]:
    """(name of the place, folder) of all places that are searched before the packages and the hub, in order."""
    places: list[tuple[str, Path]] = []
    root = os.environ.get("PILLION_MODELS")
    if root:
        names = dict.fromkeys((known.name, known.hub.rpartition("/")[2], known.name.removeprefix("whisper-")))
        places += [("PILLION_MODELS", Path(root).expanduser() / name) for name in names]
    places.append(("cache", cache_folder() / "models" / known.name))
    places += [("hub cache", folder) for folder in _hub_snapshots(known.hub)]
    return places


MODEL_VARIABLES = ("PILLION_MODELS", "TESSDATA_PREFIX", "PILLION_CACHE", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
"""What says where models are."""


@functools.cache
def model_folders(*variables: str | None) -> tuple[Path, ...]:
    """The folders below which models and data files are, those in packages apart. Those of the user need not exist.

    The cache folders are made: what is put into them later can be read by a worker only if they existed when it was
    confined. ``variables``: the values of :data:`MODEL_VARIABLES`.
    """
    named = (Path(name).expanduser() for name in variables[:2] if name)
    filled = cache_folder(), _hub()
    for folder in filled:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    return *named, *filled


def found_at(known: KnownModel) -> tuple[str, list[Path]] | None:
    """Where a model is, and the files of its weights; None if it is not found. Downloads nothing."""
    for place, folder in local_places(known):
        if _holds(folder, known):
            return place, [folder / known.weights]
    folders = package_folders(known)
    if not folders:
        return None
    files = [folder / f"{known.weights}.part{number}" for number, folder in enumerate(folders, start=1)]
    if len(folders) == 1:
        files = [folders[0] / known.weights]
    return ("package", files) if all(file.is_file() for file in files) else None


def _holds(folder: Path, known: KnownModel) -> bool:
    """Whether the folder has the files that the model needs, and they can be looked at."""
    names = (known.weights, known.tokenizer, *known.pinned)
    return is_whole(folder) and all(os.path.isfile(folder / name) for name in names if name)


def _hub_snapshots(repository: str) -> list[Path]:
    """The folders where the hub's client stores downloads, by its documented layout."""
    return sorted(_hub().glob(f"models--{repository.replace('/', '--')}/snapshots/*"))


def _hub() -> Path:
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def package_folders(known: KnownModel) -> list[Path] | None:
    """The data folders of the installed packages that contain the model; None unless all are installed.

    The packages are located, never imported: they are data, and one of them would import torch.
    """
    folders: list[Path] = []
    for package, folder in known.parts:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        folders.append(Path(next(iter(spec.submodule_search_locations))) / folder)
    return folders or None


def check(known: KnownModel, weights: Path) -> None:
    """Raises ItemError (missing_tool) for weights that cannot be read or are not the known ones."""
    remedy = f"run {known.install} --force-reinstall"
    try:
        found = sha256_of(weights)
    except OSError as error:
        raise missing(f"{known.title} cannot be read ({error.strerror}): {remedy}") from error
    if found != known.sha256:
        raise missing(f"{known.title} is damaged (its hash is not the known one): {remedy}")


_NO_MEMORY = ("bad_alloc", "out of memory", "allocate")
"""How engines say that memory is lacking, which is no fault of the model's files."""


@contextmanager
def loading(title: str, folder: Path) -> Iterator[None]:
    """What an engine says of a model that it loads here from files is said of these, with what to do.

    Raises ItemError (missing_tool), since no item is at fault; what is said of lacking memory is raised as it is.
    """
    try:
        yield
    except (ItemError, MemoryError):
        raise
    except Exception as error:
        if any(words in str(error) for words in _NO_MEMORY):
            raise
        ours = folder.is_relative_to(cache_folder())
        remedy = "remove this folder, and run again" if ours else "put its files there anew"
        raise missing(f"{title} in {folder} cannot be loaded ({brief(error)}): {remedy}") from error
