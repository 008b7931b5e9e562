"""``picture-embeddings`` sidecars: SigLIP 2 over a thumbnail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.picture.kind import PICTURE_EMBEDDINGS, PICTURE_MODEL
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import Generated, GenerationRequest, Produced, Recipe, SidecarFormat

SCHEMA_VERSION = 1


class PictureEmbeddingsGenerator:
    """``picture-embeddings`` sidecars of all that has thumbnails of a picture."""

    kind = PICTURE_EMBEDDINGS
    name = "picture-embeddings"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Pictures and films."""
        return _core.media_class(mime) in ("image", "video")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The hashes of the model and of what says how pictures are prepared for it."""
        from pillion.kinds.picture import models

        return Recipe(generator=self.name, version=self.version, model=models.identity(), settings={})

    def generate(self, request: GenerationRequest) -> Generated:
        """One MessagePack document, from the pixels of the thumbnail. Raises ItemError."""
        extras.require("pictures", "picture embeddings")
        import msgpack
        import numpy as np

        from pillion.kinds.picture import models, towers
        from pillion.readers.images import decode

        vector = towers.of_picture(decode.decode(_thumbnail(request)))
        document = {
            "schema_version": SCHEMA_VERSION,
            "kind": PICTURE_EMBEDDINGS,
            "model": PICTURE_MODEL,
            "weights": models.found().sha256,
            "dim": len(vector),
            "dtype": "float32-le",
            "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
        }
        data: bytes = msgpack.packb(document, use_bin_type=True)
        return (Produced(variant=PICTURE_MODEL, format=SidecarFormat.MESSAGEPACK, data=data),)


def _thumbnail(request: GenerationRequest) -> bytes:
    path = request.texts.get(THUMB)
    try:
        if path is None:
            raise FileNotFoundError
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the thumbnail is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the thumbnail cannot be read ({error.strerror})") from error
