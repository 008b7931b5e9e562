"""Pictures by libheif's C interface, which can do what pi-heif leaves out: say how many threads decode one picture.

pi-heif also reads all that is beside the picture when it opens a file, and ends the process where EXIF data is damaged.
The functions are taken from the libheif that pi-heif has loaded already. A picture in one piece takes half the time on
two cores where its rows of blocks were coded to be decoded beside each other, as x265 does. Tiles of a grid, as phones
write them, are decoded beside each other in any case.

Source: libheif/api/libheif/heif_decoding.h, heif_image_handle.h and heif_color.h of libheif 1.23.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint8, c_void_p
from dataclasses import dataclass
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
_MAX_PROFILE = 16 << 20


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


class _CodePoints(Structure):
    """``heif_color_profile_nclx`` up to what is read here."""

    _fields_ = (("version", c_uint8), ("primaries", c_int), ("transfer", c_int))


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "heif_context_alloc": (c_void_p, ()),
    "heif_context_free": (None, (c_void_p,)),
    "heif_context_read_from_memory_without_copy": (_Error, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "heif_context_set_max_decoding_threads": (None, (c_void_p, c_int)),
    "heif_context_get_primary_image_handle": (_Error, (c_void_p, POINTER(c_void_p))),
    "heif_image_handle_get_width": (c_int, (c_void_p,)),
    "heif_image_handle_get_height": (c_int, (c_void_p,)),
    "heif_image_handle_has_alpha_channel": (c_int, (c_void_p,)),
    "heif_image_handle_is_premultiplied_alpha": (c_int, (c_void_p,)),
    "heif_image_handle_get_raw_color_profile_size": (c_size_t, (c_void_p,)),
    "heif_image_handle_get_raw_color_profile": (_Error, (c_void_p, c_char_p)),
    "heif_image_handle_get_nclx_color_profile": (_Error, (c_void_p, POINTER(POINTER(_CodePoints)))),
    "heif_nclx_color_profile_free": (None, (POINTER(_CodePoints),)),
    "heif_image_handle_release": (None, (c_void_p,)),
    "heif_decoding_options_alloc": (POINTER(_Options), ()),
    "heif_decoding_options_free": (None, (POINTER(_Options),)),
    "heif_decode_image": (_Error, (c_void_p, POINTER(c_void_p), c_int, c_int, POINTER(_Options))),
    "heif_image_get_primary_width": (c_int, (c_void_p,)),
    "heif_image_get_primary_height": (c_int, (c_void_p,)),
    "heif_image_get_plane_readonly": (c_void_p, (c_void_p, c_int, POINTER(c_int))),
    "heif_image_release": (None, (c_void_p,)),
}


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary picture of a file, upright: ``pixels`` of shape (H, W, 3 or 4).

    ``multiplied``: colours are multiplied with alpha. ``profile`` and ``code_points`` as the file has them.
    """

    pixels: NDArray[np.uint8]
    multiplied: bool
    profile: bytes | None
    code_points: tuple[int, int] | None


def primary(extension: str, data: bytes, check: Callable[[tuple[int, int]], None]) -> Primary | None:
    """The primary picture, by as many threads as there is work for.

    ``extension``: the file of the module that libheif was loaded with. ``check`` is called with width and height before
    anything is decoded. None if this libheif cannot be told how many threads to use. Raises RuntimeError with libheif's
    words, MemoryError, and what ``check`` raises.
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
        check((library.heif_image_handle_get_width(handle), library.heif_image_handle_get_height(handle)))
        channels = 4 if library.heif_image_handle_has_alpha_channel(handle) else 3
        image = c_void_p()
        _check(library.heif_decode_image(handle, byref(image), _RGB, _INTERLEAVED[channels], options))
        stack.callback(library.heif_image_release, image)
        return Primary(
            pixels=_copied(library, image, channels),
            multiplied=bool(library.heif_image_handle_is_premultiplied_alpha(handle)),
            profile=_profile(library, handle),
            code_points=_code_points(library, handle),
        )


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


def _profile(library: ctypes.CDLL, handle: c_void_p) -> bytes | None:
    size = library.heif_image_handle_get_raw_color_profile_size(handle)
    if not 0 < size <= _MAX_PROFILE:
        return None
    profile = ctypes.create_string_buffer(size)
    failed = library.heif_image_handle_get_raw_color_profile(handle, profile).code
    return None if failed else profile.raw


def _code_points(library: ctypes.CDLL, handle: c_void_p) -> tuple[int, int] | None:
    """Primaries and transfer of ITU-T H.273, as the file says, not its coded pictures."""
    found = POINTER(_CodePoints)()
    if library.heif_image_handle_get_nclx_color_profile(handle, byref(found)).code:
        return None
    try:
        return int(found.contents.primaries), int(found.contents.transfer)
    finally:
        library.heif_nclx_color_profile_free(found)


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
