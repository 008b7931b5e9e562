"""The two towers of the model through onnxruntime: pictures and texts become vectors of the same space.

The graphs are those that exporters write for SigLIP and CLIP: ``pixel_values`` in, ``image_embeds`` or
``pooler_output`` out; ``input_ids``, and ``attention_mask`` where it is asked for, in, ``text_embeds`` or
``pooler_output`` out. Sizes, numbers and tokens are read from the files beside them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds import onnx
from pillion.kinds.picture import models
from pillion.kinds.picture.kind import PICTURE_DIMENSIONS
from pillion.kinds.picture.preprocessing import Preprocessing
from pillion.model import value

if TYPE_CHECKING:
    import numpy as np
    import tokenizers
    from numpy.typing import NDArray

_CONTEXTS = {"siglip_text_model": 64, "clip_text_model": 77}
"""How many tokens a text has where ``config.json`` does not say, by the model's type."""
_PICTURE_OUTPUTS = ("image_embeds", "pooler_output")
_TEXT_OUTPUTS = ("text_embeds", "pooler_output")
_MOST_CHARACTERS = 2000
"""Of a text: far more than fill the context."""


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("pictures", "picture embeddings")


def of_picture(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The unit vector of a picture, shape (dimensions,), of pixels of shape (H, W, 3) or (H, W, 4), uint8.

    Raises ItemError (missing_tool) if the engine or the model is missing or cannot be used.
    """
    tower = picture_tower()
    return _unit(tower, {tower.input: tower.preprocessing.apply(pixels)})


def of_text(text: str) -> NDArray[np.float32]:
    """The unit vector of a text, shape (dimensions,). Its first 64 tokens count. Raises ItemError (missing_tool)."""
    import numpy as np

    tower = text_tower()
    ids, known = tower.words.encoded(text)
    inputs = {tower.input: np.array([ids], dtype=np.int64)}
    if tower.mask is not None:
        inputs[tower.mask] = np.array([[1] * known + [0] * (len(ids) - known)], dtype=np.int64)
    return _unit(tower, inputs)


def _unit(tower: _PictureTower | _TextTower, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    import numpy as np

    try:
        found = tower.graph.run([tower.output], inputs)[0]
    except Exception as error:
        raise _unusable(f"cannot be run ({type(error).__name__}: {str(error)[:200]})") from error
    vector = np.asarray(found, dtype=np.float32).reshape(-1)
    if len(vector) != PICTURE_DIMENSIONS:
        raise _unusable(f"gives vectors of {len(vector)} dimensions, not {PICTURE_DIMENSIONS}")
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm < 1e-9:
        raise _unusable("gives no vectors")
    unit: NDArray[np.float32] = (vector / norm).astype(np.float32)
    return unit


# texts as tokens ------------------------------------------------------------------------------------------------------


@value
class Words:
    """The tokenizer of the model. ``context``: how many tokens a text has, ``end``: the last of them, ``filler``: what
    comes after it. ``lower``: whether texts are brought to lower case, as those were that the model was trained on.
    """

    tokenizer: tokenizers.Tokenizer
    context: int
    end: int | None
    filler: int
    lower: bool

    def encoded(self, text: str) -> tuple[list[int], int]:
        """(as many ids as the context has, how many of them are of the text and its end)."""
        text = text[:_MOST_CHARACTERS]
        ids: list[int] = self.tokenizer.encode(text.lower() if self.lower else text).ids
        if self.end is not None and ids[-1:] != [self.end]:
            ids.append(self.end)
        if len(ids) > self.context:
            ids = [*ids[: self.context - 1], ids[-1]]
        return [*ids, *[self.filler] * (self.context - len(ids))], len(ids)


def _words(folder: Path, context: int | None) -> Words:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / models.TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    named = _json(folder / models.TOKENIZER_CONFIG)
    text = _json(folder / models.CONFIG).get("text_config", {})
    kind = str(text.get("model_type", ""))
    end = _token(tokenizer, named.get("eos_token"))
    filler = _token(tokenizer, named.get("pad_token"))
    return Words(
        tokenizer=tokenizer,
        context=context or int(text.get("max_position_embeddings") or _CONTEXTS.get(kind, 64)),
        end=end,
        filler=filler if filler is not None else end or 0,
        lower=kind.startswith("siglip") or bool(named.get("do_lower_case")),
    )


def _token(tokenizer: tokenizers.Tokenizer, named: Any) -> int | None:
    """The id of a token that is given by its text, or by a record with it."""
    text = named.get("content") if isinstance(named, Mapping) else named
    return tokenizer.token_to_id(text) if isinstance(text, str) else None


# graphs ---------------------------------------------------------------------------------------------------------------


@value
class _PictureTower:
    graph: Any
    input: str
    output: str
    preprocessing: Preprocessing


@value
class _TextTower:
    graph: Any
    input: str
    mask: str | None
    output: str
    words: Words


@functools.cache
def picture_tower() -> _PictureTower:
    folder = _folder()
    try:
        graph = onnx.session(str(folder / models.VISION))
        preprocessing = Preprocessing.of(_json(folder / models.PREPROCESSOR))
        names = [one.name for one in graph.get_inputs()]
        return _PictureTower(
            graph=graph,
            input=_one_of(("pixel_values",), names),
            output=_one_of(_PICTURE_OUTPUTS, [one.name for one in graph.get_outputs()]),
            preprocessing=preprocessing,
        )
    except Exception as error:
        raise _cannot_be_loaded(error) from error


@functools.cache
def text_tower() -> _TextTower:
    folder = _folder()
    try:
        graph = onnx.session(str(folder / models.TEXT))
        inputs = {one.name: one.shape for one in graph.get_inputs()}
        ids = _one_of(("input_ids",), list(inputs))
        fixed = inputs[ids][-1]
        return _TextTower(
            graph=graph,
            input=ids,
            mask="attention_mask" if "attention_mask" in inputs else None,
            output=_one_of(_TEXT_OUTPUTS, [one.name for one in graph.get_outputs()]),
            words=_words(folder, fixed if isinstance(fixed, int) else None),
        )
    except Exception as error:
        raise _cannot_be_loaded(error) from error


def _folder() -> Path:
    problem = missing()
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    return models.found().path


def _one_of(wanted: tuple[str, ...], names: list[str]) -> str:
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise ValueError(f"a graph has none of {', '.join(wanted)}")
    return found


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no object")
    return found


def _cannot_be_loaded(error: Exception) -> ItemError:
    if isinstance(error, ImportError):
        return extras.not_importable(error)
    return _unusable(f"cannot be loaded ({type(error).__name__}: {str(error)[:200]})")


def _unusable(what: str) -> ItemError:
    return ItemError(ErrorClass.MISSING_TOOL, f"{models.MODEL.title} {what}: download its files again")
