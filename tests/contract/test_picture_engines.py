"""Pictures that the core does not read: HEIC, camera raw without a preview, rare formats; and who is asked."""

from __future__ import annotations

import importlib
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, Jpeg2KImagePlugin, features

import pillion
from pillion import _core, machine
from pillion.errors import ItemError
from pillion.kinds.ocr.generator import OcrGenerator
from pillion.kinds.registry import canonical
from pillion.kinds.thumbnail.generator import ImageThumbGenerator
from pillion.readers.images import decode as pictures
from pillion.readers.images import heif, libheif, libraw, pillow
from tests.support import icc, raws
from tests.support.heics import deep_heic, heic
from tests.support.pictures import as_stored, chart, encoded, exif, glass, opened
from tests.support.ssim import ssim

HEIC_MODULES = ("pi_heif", "pillow_heif")
NO_SUCH_MODULE = "pillion_has_no_such_module"


def error_of(call: Any, *arguments: Any, **options: Any) -> ItemError:
    with pytest.raises(ItemError) as caught:
        call(*arguments, **options)
    return caught.value


# HEIC -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=HEIC_MODULES)
def heif_module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two packages in turn, as if only that one were installed."""
    pytest.importorskip(request.param)
    monkeypatch.setattr(heif, "_MODULES", (request.param,))
    return str(request.param)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(heif_module: str, orientation: int) -> None:
    # The file states its orientation as irot and imir, and again in EXIF.
    data = heic(as_stored(chart(), orientation), exif=exif(orientation))
    pixels = pillion.decode(data)
    assert pixels.shape == (120, 160, 3)
    assert ssim(pixels, np.asarray(chart())) >= 0.98


def test_heic_alpha_and_deep_samples_are_kept(heif_module: str) -> None:
    pixels = pillion.decode(heic(glass()))
    assert pixels.shape == (120, 160, 4)
    assert np.abs(pixels[..., 3].astype(int) - np.asarray(glass())[..., 3]).max() <= 2
    assert ssim(pillion.decode(deep_heic(chart())), np.asarray(chart())) >= 0.98
    grey = pillion.decode(heic(chart().convert("L"), chroma=420))
    assert ssim(grey, np.asarray(chart().convert("L").convert("RGB"))) >= 0.98


def wide_heics() -> Iterator[bytes]:
    photo, clear = chart(400, 241), glass().resize((202, 150))
    yield heic(photo)
    yield heic(photo, chroma=420, quality=40)
    yield heic(as_stored(photo, 6), chroma=420, exif=exif(6))
    yield heic(clear)
    yield deep_heic(photo)


def test_heic_by_more_threads_is_the_same(heif_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = list(wide_heics())
    by_threads = [heif.decode(data, "image/heic", max_side=None, max_pixels=1 << 20) for data in files]
    extension = str(importlib.import_module(f"_{heif_module}").__file__)
    assert all(libheif.primary(extension, data, lambda _: None) is not None for data in files)
    monkeypatch.setattr(libheif, "primary", lambda *_: None)
    for data, made in zip(files, by_threads, strict=True):
        alone = heif.decode(data, "image/heic", max_side=None, max_pixels=1 << 20)
        assert np.array_equal(made.pixels, alone.pixels)
        assert (made.profile, made.code_points) == (alone.profile, alone.code_points)


def test_heic_without_the_functions_for_threads_is_left_to_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pi_heif")
    assert libheif.primary(str(math.__file__), heic(chart()), lambda _: None) is None
    monkeypatch.setattr(libheif, "_VERSION_WITH_THREADS", 255)
    assert pillion.decode(heic(chart())).shape == (120, 160, 3)


def test_heic_profiles_are_converted(heif_module: str) -> None:
    numbers = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128), (230, 200, 90)], np.uint8)
    patches = Image.fromarray(numbers[np.newaxis].repeat(32, axis=0).repeat(32, axis=1))
    expected = icc.truth(numbers, icc.DISPLAY_P3, None)
    by_profile = heic(patches, icc_profile=icc.rgb_profile(icc.DISPLAY_P3, None), quality=-1)
    by_code_points = heic(patches, color_primaries=12, transfer_characteristics=13, quality=-1)
    for data in (by_profile, by_code_points):
        made = pillion.decode(data)[16, 16::32].astype(float)
        assert icc.delta_e(made, expected).max() < 2


def test_heic_files_work_by_path_in_every_function(tmp_path: Path, heif_module: str) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(chart(800, 600)))
    assert pillion.decode(path, max_side=200).shape == (150, 200, 3)
    for made in (pillion.thumbnail(path, ("grid@2x", "icon")), pillion.file_thumbnail(path, ("grid@2x", "icon"))):
        assert {name: opened(data).size for name, data in made.items()} == {"grid@2x": (512, 384), "icon": (128, 96)}
    assert 0 < len(pillion.thumbhash(path)) <= 25
    picture = pictures.opened(path)
    assert (picture.width, picture.height) == (800, 600)
    assert picture.pixels(400).shape == (300, 400, 3)


def test_damaged_heic_has_its_class(heif_module: str) -> None:
    data = heic(chart())
    for length in (40, 200, len(data) // 2, len(data) - 1):
        assert error_of(pillion.decode, data[:length]).error_class in ("corrupt", "unsupported")
    assert error_of(pillion.decode, data, max_pixels=1000).error_class == "too_large"
    assert error_of(pillion.decode, data[:24] + bytes(len(data) - 24)).error_class == "corrupt"


def test_damaged_data_beside_a_heic_picture_does_no_harm(heif_module: str) -> None:
    # A name that is no UTF-8 ends the process in pi-heif 1.4.
    data = heic(chart(), exif=exif(1))
    assert np.array_equal(pillion.decode(data.replace(b"Exif", b"Ex\x86f", 1)), pillion.decode(data))


def test_a_coding_that_libheif_does_not_read_is_unsupported(heif_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The item says that its picture is uncompressed (ISO 23001-17).
    data = heic(chart()).replace(b"hvc1", b"unci", 1)
    assert error_of(pillion.decode, data).error_class == "unsupported"
    monkeypatch.setattr(libheif, "primary", lambda *_: None)
    error = error_of(pillion.decode, data)
    assert (error.error_class, "no picture in it has a coding" in error.message) == ("unsupported", True)


def test_without_the_extra_heic_waits_for_it_and_is_then_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(chart()))
    generators = (ImageThumbGenerator(), OcrGenerator())
    variants = {"thumb-image": "icon", "ocr": "default"}
    monkeypatch.setattr(heif, "_MODULES", HEIC_MODULES)
    with_extra = [canonical(each.recipe("image/heic", variants[each.name], {})) for each in generators]
    monkeypatch.setattr(heif, "_MODULES", (NO_SUCH_MODULE,))
    for call in (pillion.decode, pillion.thumbnail, pillion.file_thumbnail, pictures.opened):
        error = error_of(call, path)
        assert error.error_class == "missing_tool"
        assert error.message.endswith("run pip install 'pillion[heif]'")
    without = [canonical(each.recipe("image/heic", variants[each.name], {})) for each in generators]
    assert with_extra == without


# camera raw -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_without_a_preview_is_developed(tmp_path: Path, orientation: int) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    path.write_bytes(raws.undeveloped(orientation))
    width, height = (480, 320) if orientation < 5 else (320, 480)
    pixels = pillion.decode(path, max_side=160)
    assert max(pixels.shape) == 160
    assert (pixels.shape[1] > pixels.shape[0]) == (width > height)
    # Developing is a matter of taste in brightness; where things are is not.
    shown = np.asarray(raws.scene((width, height)).resize(pixels.shape[1::-1])).astype(float)
    likeness = [np.corrcoef(pixels[..., channel].ravel(), shown[..., channel].ravel())[0, 1] for channel in range(3)]
    assert min(likeness) > 0.9
    assert pillion.decode(path).shape == (height, width, 3)


def test_without_the_extra_only_previews_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraw, "_MODULE", NO_SUCH_MODULE)
    error = error_of(pillion.decode, raws.undeveloped())
    assert (error.error_class, "pip install 'pillion[raw]'" in error.message) == ("missing_tool", True)
    assert pillion.decode(raws.RAWS["dng"](1)).shape == (640, 960, 3)
    assert pictures.decoders("image/x-adobe-dng") == []


def test_damaged_raw_files_have_their_class(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    data = raws.undeveloped()
    path = tmp_path / "photo.dng"
    for damaged in (data[: len(data) // 2], data[:300], data[:8] + bytes(len(data) - 8)):
        path.write_bytes(damaged)
        error = error_of(pillion.decode, path)
        assert error.error_class in ("corrupt", "unsupported")
        assert "object at 0x" not in error.message
    path.write_bytes(data)
    assert error_of(pillion.decode, path, max_pixels=1000).error_class == "too_large"


# rare formats ---------------------------------------------------------------------------------------------------------

RARE: dict[str, tuple[str, Image.Image, dict[str, Any]]] = {
    "a.jp2": ("JPEG2000", chart(), {"irreversible": False}),
    "alpha.jp2": ("JPEG2000", glass(), {"irreversible": False}),
    "a.pcx": ("PCX", chart(), {}),
    "a.sgi": ("SGI", chart(), {}),
    "a.tga": ("TGA", chart(), {}),
    "rle.tga": ("TGA", glass(), {"compression": "tga_rle"}),
    "a.dds": ("DDS", glass(), {}),
    "a.icns": ("ICNS", glass(128, 128), {}),
}


def skip_unless_built_in(mime: str) -> None:
    """Pillow-SIMD is built from source, with the libraries that happen to be there."""
    problem = pillow.missing(mime)
    if problem:
        pytest.skip(problem)


@pytest.mark.parametrize("name", RARE)
def test_rare_formats_are_read(tmp_path: Path, name: str) -> None:
    file_format, picture, options = RARE[name]
    skip_unless_built_in(_core.mime_from_name(name.encode()))
    path = tmp_path / name
    path.write_bytes(encoded(picture, file_format, **options))
    mime = pictures.mime_of(path)
    assert mime == _core.mime_from_name(name.encode())
    assert pictures.decoders(mime) == ["pillow"]
    pixels = pillion.decode(path)
    expected = np.asarray(picture)
    assert pixels.shape[2] == expected.shape[2]
    assert pixels.shape[1] / pixels.shape[0] == picture.width / picture.height
    shown = np.asarray(Image.fromarray(pixels).resize(picture.size))
    # Icons are stored in fixed sizes: this one was enlarged by its writer.
    assert ssim(shown[..., :3], expected[..., :3]) >= (0.95 if name == "a.icns" else 0.98)
    assert opened(pillion.thumbnail(path, ("icon",))["icon"]).size == (128, 128 * picture.height // picture.width)


@pytest.mark.parametrize("name", RARE)
def test_damaged_rare_files_have_their_class(tmp_path: Path, name: str) -> None:
    file_format, picture, options = RARE[name]
    skip_unless_built_in(_core.mime_from_name(name.encode()))
    data = encoded(picture, file_format, **options)
    path = tmp_path / name
    limit = Image.MAX_IMAGE_PIXELS
    for length in (len(data) // 2, 40):
        path.write_bytes(data[:length])
        assert error_of(pillion.decode, path).error_class in ("corrupt", "unsupported")
    path.write_bytes(data)
    assert error_of(pillion.decode, path, max_pixels=100).error_class == "too_large"
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("boxed", [True, False])
def test_jpeg_2000_is_decoded_at_the_size_that_is_wanted(boxed: bool) -> None:
    skip_unless_built_in("image/jp2")
    large = chart(2400, 1800)
    data = encoded(large, "JPEG2000", irreversible=False, num_resolutions=3, no_jp2=not boxed)
    # Halved twice, which is as often as the file can be; enlarged never.
    for side, size in ((None, (2400, 1800)), (801, (2400, 1800)), (800, (1200, 900)), (100, (600, 450))):
        decoded = pillow.decode(data, "image/jp2", max_side=side, max_pixels=1 << 24)
        assert np.asarray(decoded.pixels).shape[1::-1] == size
    small = pillion.decode(data, max_side=200)
    assert ssim(small, np.asarray(large.resize((200, 150), Image.Resampling.LANCZOS))) > 0.98


@pytest.mark.parametrize("said", [None, "1"])
def test_large_jpeg_2000_is_decoded_on_the_free_cores(said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_unless_built_in("image/jp2")
    monkeypatch.setattr(machine, "threads_available", lambda: 3)
    monkeypatch.delenv(pillow._THREADS, raising=False)
    if said is not None:
        monkeypatch.setenv(pillow._THREADS, said)
    used: list[str | None] = []
    load = Jpeg2KImagePlugin.Jpeg2KImageFile.load

    def watched(picture: Jpeg2KImagePlugin.Jpeg2KImageFile) -> object:
        if picture.tile:
            # It is not decoded yet.
            used.append(os.environ.get(pillow._THREADS))
        return load(picture)

    monkeypatch.setattr(Jpeg2KImagePlugin.Jpeg2KImageFile, "load", watched)
    large = chart(2400, 1800)
    data = encoded(large, "JPEG2000", irreversible=False)
    for _ in range(2):
        decoded = pillow.decode(data, "image/jp2", max_side=None, max_pixels=1 << 24)
        assert np.array_equal(np.asarray(decoded.pixels), np.asarray(large))
    pillow.decode(encoded(chart(), "JPEG2000"), "image/jp2", max_side=None, max_pixels=1 << 24)
    # What is small is not worth it, and cores that were taken are given back.
    assert set(used[:-1]) == {said or "3"}
    assert used[-1] == said
    assert os.environ.get(pillow._THREADS) == said


def test_tiffs_that_the_core_leaves_are_read_by_pillow() -> None:
    data = encoded(chart(), "TIFF", compression="lzma") if _can_write_lzma() else None
    if data is None:
        pytest.skip("this Pillow writes no TIFF that the core does not read")
    assert error_of(_core.decode, data).error_class == "unsupported"
    assert np.array_equal(pillion.decode(data), np.asarray(chart()))


def _can_write_lzma() -> bool:
    try:
        chart(8, 8).save(io.BytesIO(), "TIFF", compression="lzma")
    except (OSError, KeyError, ValueError):
        return False
    return True


def test_deep_grey_is_scaled() -> None:
    skip_unless_built_in("image/jp2")
    grey = np.asarray(chart().convert("L"))
    data = encoded(Image.fromarray(grey.astype(np.uint16) * 257), "JPEG2000", irreversible=False)
    assert np.array_equal(pillion.decode(data)[..., 0], grey)


def test_what_pillow_was_built_without_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    data = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)
    error = error_of(pillion.decode, data)
    assert (error.error_class, "without jpg_2000" in error.message) == ("missing_tool", True)


# the table ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(heif, "_MODULES", (NO_SUCH_MODULE,))
    monkeypatch.setattr(libraw, "_MODULE", NO_SUCH_MODULE)
    return


@pytest.mark.usefixtures("no_extras")
def test_the_table_names_the_extras_that_lack() -> None:
    rows = {(row.format, row.decoder): row for row in pillion.formats()}
    assert (rows["heic", "libheif"].installed, rows["heic", "libheif"].extra) == (False, "heif")
    assert (rows["raw", "libraw"].installed, rows["raw", "libraw"].extra) == (False, "raw")
    assert rows["raw", "libjpeg-turbo"].installed
    assert rows["jpeg", "libjpeg-turbo"].extra is None


def test_the_table_has_every_type_of_every_engine_and_the_sniffer_agrees() -> None:
    rows = pillion.formats()
    for engine in (heif, libraw, pillow):
        mine = [row for row in rows if row.decoder == engine.NAME]
        assert {mime for row in mine for mime in row.mime_types} == engine.MIMES
    for row in rows:
        claimed = {_core.mime_from_name(f"a.{extension}".encode()) for extension in row.extensions}
        assert claimed <= set(row.mime_types)
        assert row.extensions
        assert {_core.media_class(mime) for mime in row.mime_types} == {"image"}
