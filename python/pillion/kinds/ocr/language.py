"""In which of some languages a text is, by py3langid. The only importer of it."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Iterable
from typing import Any

NAME = "py3langid"

_loading = threading.Lock()


def identified(text: str, among: Iterable[str]) -> tuple[str, float]:
    """The likeliest of some languages (ISO 639-1) and its probability among those that are known here, 0 to 1.

    ``("", 0.0)`` when fewer than two of them are known.
    """
    with _loading:
        codes = tuple(sorted(set(among) & known()))
        identifier = _identifier(codes) if len(codes) > 1 else None
    if identifier is None:
        return "", 0.0
    code, probability = identifier.classify(text)
    return str(code), float(probability)


@functools.cache
def known() -> frozenset[str]:
    """All languages that can be told apart. Loads the model: half a second, 10 MB."""
    return frozenset(str(code) for code in _loaded().labels)


@functools.lru_cache(maxsize=4)
def _identifier(codes: tuple[str, ...]) -> Any:
    """A shallow copy for these languages: the large tables are shared."""
    identifier = copy.copy(_loaded())
    identifier.set_languages(list(codes))
    return identifier


@functools.cache
def _loaded() -> Any:
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
