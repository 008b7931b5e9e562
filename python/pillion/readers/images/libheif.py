"""The part of libheif's C interface that pi-heif leaves out: how many threads decode one picture.

The functions are taken from the libheif that pi-heif has loaded already. A picture in one piece takes half the time on
two cores where its rows of blocks were coded to be decoded beside each other, as x265 does. Tiles of a grid, as phones
write them, are decoded beside each other in any case.

Source: libheif/api/libheif/heif_decoding.h and heif_context.h of libheif 1.23.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint8, c_void_p
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_THREADS = 4
"""As many as pi-heif has for tiles."""
_RGB = 1
_INTERLEAVED = {3: 10, 4: 11}
"""libheif's names of RGB and RGBA, by their channels."""
_INTERLEAVED_CHANNEL = 10
_VERSION_WITH_THREADS = 8
"""Of the options: libheif 1.21."""


class _Error(Structure):
    _fields_ = (("code", c_int), ("subcode", c_int), ("message", c_char_p))


class _ColourOptions(Structure):
    _fields_ = (("version", c_uint8), ("downsampling", c_int), ("upsampling", c_int), ("only_preferred", c_uint8))


class _Options(Structure):
    """``heif_decoding_options`` up to what is set here; libheif allocates the whole."""

    _fields_ = (
        ("version", c_uint8),
        ("ignore_transformations", c_uint8),
        ("start_progress", c_void_p),
        ("on_progress", c_void_p),
        ("end_progress", c_void_p),
        ("progress_user_data", c_void_p),
        ("convert_hdr_to_8bit", c_uint8),
        ("strict_decoding", c_uint8),
        ("decoder_id", c_char_p),
        ("colour_options", _ColourOptions),
        ("cancel_decoding", c_void_p),
        ("more_colour_options", c_void_p),
        ("ignore_sequence_editlist", c_int),
        ("output_image_nclx_profile", c_void_p),
        ("num_library_threads", c_int),
        ("num_codec_threads", c_int),
    )


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "heif_context_alloc": (c_void_p, ()),
    "heif_context_free": (None, (c_void_p,)),
    "heif_context_read_from_memory_without_copy": (_Error, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "heif_context_set_max_decoding_threads": (None, (c_void_p, c_int)),
    "heif_context_get_primary_image_handle": (_Error, (c_void_p, POINTER(c_void_p))),
    "heif_image_handle_release": (None, (c_void_p,)),
    "heif_decoding_options_alloc": (POINTER(_Options), ()),
    "heif_decoding_options_free": (None, (POINTER(_Options),)),
    "heif_decode_image": (_Error, (c_void_p, POINTER(c_void_p), c_int, c_int, POINTER(_Options))),
    "heif_image_get_primary_width": (c_int, (c_void_p,)),
    "heif_image_get_primary_height": (c_int, (c_void_p,)),
    "heif_image_get_plane_readonly": (c_void_p, (c_void_p, c_int, POINTER(c_int))),
    "heif_image_release": (None, (c_void_p,)),
}


def primary(extension: str, data: bytes, channels: int) -> NDArray[np.uint8] | None:
    """The primary picture, upright, shape (H, W, ``channels``), 3 or 4, with alpha as the file has it.

    ``extension``: the file of the module that libheif was loaded with. None if its libheif cannot be told how many
    threads to use. Raises RuntimeError with libheif's words, MemoryError.
    """
    library = _library(extension)
    if library is None:
        return None
    with ExitStack() as stack:
        options = library.heif_decoding_options_alloc()
        if not options:
            raise MemoryError
        stack.callback(library.heif_decoding_options_free, options)
        if options.contents.version < _VERSION_WITH_THREADS:
            return None
        options.contents.convert_hdr_to_8bit = 1
        options.contents.num_codec_threads = _THREADS
        handle = stack.enter_context(_opened(library, data))
        image = c_void_p()
        kind = _INTERLEAVED[channels]
        _check(library.heif_decode_image(handle, byref(image), _RGB, kind, options))
        stack.callback(library.heif_image_release, image)
        return _copied(library, image, channels)


@contextmanager
def _opened(library: ctypes.CDLL, data: bytes) -> Iterator[c_void_p]:
    """The primary picture's handle."""
    context = c_void_p(library.heif_context_alloc())
    try:
        _check(library.heif_context_read_from_memory_without_copy(context, data, len(data), None))
        library.heif_context_set_max_decoding_threads(context, _THREADS)
        handle = c_void_p()
        _check(library.heif_context_get_primary_image_handle(context, byref(handle)))
        try:
            yield handle
        finally:
            library.heif_image_handle_release(handle)
    finally:
        library.heif_context_free(context)


def _copied(library: ctypes.CDLL, image: c_void_p, channels: int) -> NDArray[np.uint8]:
    import numpy as np

    width, height = library.heif_image_get_primary_width(image), library.heif_image_get_primary_height(image)
    stride = c_int()
    start = library.heif_image_get_plane_readonly(image, _INTERLEAVED_CHANNEL, byref(stride))
    if not start or width < 1 or height < 1 or stride.value < width * channels:
        raise RuntimeError("the decoded picture has no pixels")
    rows = (c_uint8 * (stride.value * height)).from_address(start)
    padded: NDArray[np.uint8] = np.frombuffer(rows, np.uint8).reshape(height, stride.value)
    # The rows belong to libheif's picture, which is freed soon.
    return padded[:, : width * channels].reshape(height, width, channels).copy()


def _check(error: _Error) -> None:
    if error.code:
        raise RuntimeError((error.message or b"").decode("utf-8", "replace"))


@functools.cache
def _library(extension: str) -> ctypes.CDLL | None:
    """The functions of the libheif that ``extension`` is linked with: those of its dependencies are found by its name.

    A handle of its own for each, because their types are set here.
    """
    try:
        library = ctypes.CDLL(extension)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library
