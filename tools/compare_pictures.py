#!/usr/bin/env python3
"""Compare what Pillion shows of pictures with what Pillow and libvips show.

    python tools/compare_pictures.py FOLDER... [--json] [--sheet OUT.png] [--explained FILE.toml]

Every file below the folders that is a picture by its bytes or its name is shown by each of the three at 256 pixels,
upright, in sRGB and over mid-grey, in a child process with a deadline. Two pictures agree if their structural
similarity and their mean difference say so. The verdicts:

    agree      Pillion and one of the others show the same
    alone      only Pillion shows it
    nobody     none shows it
    flat       Pillion shows one flat colour where another sees more: a bug
    differs    Pillion shows something else than all others that show it
    refused    Pillion has an error where another shows a picture

``--explained``: a table of [[file]] with ``name`` (a glob on the path), ``who`` is right ("pillion", "other", "nobody")
and ``why``. Exits with 1 if a file that is flat, differs or is refused is not explained, or wrong.
"""

from __future__ import annotations

import argparse
import fnmatch
import io
import json
import select
import subprocess
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageOps

SIDE = 256
TIME_LIMIT_S = 30.0
MAX_PIXELS = 1 << 28
_BACKGROUND = 128
_SSIM = 0.85
_DIFFERENCE = 12.0
"""Mean over all samples, of 255."""
_FLAT_SHARE = 0.985
_SMALLEST = 33
"""Smaller pictures are enlarged to this side, for the window of the SSIM to fit."""

Rgb = NDArray[np.uint8]


@dataclass
class Shown:
    """What one decoder shows: ``pixels`` of shape (H, W, 3), or an ``error``. ``note``: what it says besides."""

    pixels: Rgb | None = None
    error: str = ""
    note: str = ""


# the decoders ---------------------------------------------------------------------------------------------------------


def by_pillion(path: Path) -> Shown:
    from pillion.errors import ItemError
    from pillion.readers.images import decode

    try:
        return Shown(_over_grey(Image.fromarray(decode.decode(path, max_side=SIDE))))
    except ItemError:
        pass  # a part of a picture is shown as a thumbnail only
    (made,) = decode.thumbnails(path, [("a", SIDE, 100, 0)])
    with Image.open(io.BytesIO(made.data)) as picture:
        note = " ".join(name for name, is_so in (("truncated", made.truncated), ("damaged", made.damaged)) if is_so)
        return Shown(_over_grey(picture), note=note)


def by_pillow(path: Path) -> Shown:
    with Image.open(path) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError("too large")
        picture.load()
        profile = picture.info.get("icc_profile")
        upright = _eight_bits(ImageOps.exif_transpose(picture))
        gamma = picture.info.get("gamma")
        if gamma and not profile and "srgb" not in picture.info and upright.mode in ("L", "RGB", "RGBA"):
            upright = _with_gamma(upright, float(gamma))
        if profile and upright.mode in ("RGB", "RGBA", "CMYK", "L"):
            upright = _in_srgb(upright, profile)
        upright.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=None)
        return Shown(_over_grey(upright))


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Deep grey in 8 bits: 16 bits by their upper byte, floats as light, measurements from least to most."""
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
        assert converted is not None
        return converted
    if picture.mode in ("1", "P", "PA") or "transparency" in picture.info:
        # Scaled as they are, they would lose pixels.
        return picture.convert("L" if picture.mode == "1" else "RGBA")
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    least, most = float(values.min()), float(values.max())
    if picture.mode.startswith("I;16") or (picture.mode == "I" and least >= 0 and most <= 65535):
        values = values / 257
    elif picture.mode == "F" and least >= 0 and most <= 1:
        low = values <= 0.0031308
        values = np.where(low, 12.92 * values, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055) * 255
    elif most > least:
        values = (values - least) / (most - least) * 255
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _with_gamma(picture: Image.Image, gamma: float) -> Image.Image:
    """PNG's gAMA chunk, which Pillow leaves to the caller: samples are light to the power of ``gamma``."""
    bands = picture.split()
    light = (np.arange(256) / 255) ** (1 / gamma)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    table = (coded * 255).round().astype(int).tolist()
    return Image.merge(
        picture.mode,
        [band if name == "A" else band.point(table) for name, band in zip(picture.mode, bands, strict=True)],
    )


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = picture.convert("RGB") if alpha else picture
    try:
        with warnings.catch_warnings(action="ignore"):
            source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    assert converted is not None
    if alpha:
        converted.putalpha(alpha)
    return converted


def _over_grey(picture: Image.Image) -> Rgb:
    if picture.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, (_BACKGROUND,) * 3 + (255,))
        picture = Image.alpha_composite(ground, picture)
    return np.asarray(picture.convert("RGB"))


def by_vips(path: Path) -> Shown:
    import pyvips

    picture = pyvips.Image.thumbnail(
        str(path), SIDE, height=SIDE, size="down", output_profile="srgb", intent="perceptual"
    )
    if picture.interpretation != "srgb":
        picture = picture.colourspace("srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=[_BACKGROUND] * 3)
    pixels = picture.cast("uchar").numpy()
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels[:, :, :1], 3, axis=2)
    return Shown(np.ascontiguousarray(pixels))


DECODERS: dict[str, Callable[[Path], Shown]] = {"pillion": by_pillion, "pillow": by_pillow, "vips": by_vips}


# in a child -----------------------------------------------------------------------------------------------------------


def child() -> None:
    """Answer lines (decoder and path, as JSON) with a line of JSON and the pixels behind it."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("ignore")
    answers = sys.stdout.buffer
    for line in sys.stdin:
        name, path = json.loads(line)
        try:
            shown = DECODERS[name](Path(path))
        except Exception as error:  # any of three libraries, on any bytes
            text = getattr(error, "error_class", type(error).__name__)
            shown = Shown(error=f"{text}: {' '.join(str(error).split())}"[:200])
        shape = None if shown.pixels is None else shown.pixels.shape
        answers.write(json.dumps({"shape": shape, "error": shown.error, "note": shown.note}).encode() + b"\n")
        answers.write(b"" if shown.pixels is None else shown.pixels.tobytes())
        answers.flush()


class Child:
    """A process that decodes, and is replaced when it dies or takes too long."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        command = [sys.executable, __file__, "--child"]
        # What libraries say of damage goes to the terminal of nobody.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def shown(self, name: str, path: Path) -> Shown:
        """What a decoder shows of a file."""
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        try:
            questions.write(json.dumps([name, str(path)]).encode() + b"\n")
            questions.flush()
            if select.select([answers], [], [], TIME_LIMIT_S)[0]:
                answer = json.loads(answers.readline())
                shown = Shown(error=answer["error"], note=answer["note"])
                if answer["shape"]:
                    height, width, channels = answer["shape"]
                    data = answers.read(height * width * channels)
                    shown.pixels = np.frombuffer(data, np.uint8).reshape(height, width, channels)
                return shown
            error = f"timeout: more than {TIME_LIMIT_S:.0f} s"
        except (BrokenPipeError, ValueError):
            error = "crash: the process died"
        self.close()
        self._start()
        return Shown(error=error)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


# comparing ------------------------------------------------------------------------------------------------------------


def ssim(first: Rgb, second: Rgb) -> float:
    """Mean structural similarity of the luma of two pictures of one size, in windows of 7 x 7 pixels.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004; K1 0.01, K2 0.03, with a flat window.
    """
    a, b = (pixels @ np.array([0.299, 0.587, 0.114]) for pixels in (first, second))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _means(a), _means(b)
    variance_a, variance_b = _means(a * a) - mean_a**2, _means(b * b) - mean_b**2
    covariance = _means(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float((above / below).mean())


def _means(plane: NDArray[np.float64], side: int = 7) -> NDArray[np.float64]:
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    sums[1:, 1:] = plane.cumsum(axis=0).cumsum(axis=1)
    boxes: NDArray[np.float64] = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return boxes / side**2


def likeness(first: Rgb, second: Rgb) -> tuple[float, float]:
    """(SSIM, mean difference) of two pictures, the second scaled to the first."""
    width, height = (max(_SMALLEST, side) for side in first.shape[1::-1])
    resample = Image.Resampling.BICUBIC if min(first.shape[:2]) >= _SMALLEST else Image.Resampling.NEAREST
    a, b = (np.asarray(Image.fromarray(pixels).resize((width, height), resample)) for pixels in (first, second))
    return ssim(a, b), float(np.abs(a.astype(int) - b).mean())


def agree(first: Rgb, second: Rgb) -> bool:
    """Whether two pictures show the same, also in their proportions."""
    likes, difference = likeness(first, second)
    return (likes >= _SSIM or difference <= 2.0) and difference <= _DIFFERENCE and _same_shape(first, second)


def _same_shape(first: Rgb, second: Rgb) -> bool:
    (h1, w1), (h2, w2) = first.shape[:2], second.shape[:2]
    return bool(abs(w1 * h2 - w2 * h1) <= 0.03 * max(w1 * h2, w2 * h1) + max(w1, h1, w2, h2))


def is_flat(pixels: Rgb) -> bool:
    """Whether nearly all pixels have one colour."""
    coarse = (pixels >> 3).reshape(-1, 3).astype(np.int32) @ np.array([1, 32, 1024])
    share = float(np.bincount(coarse).max()) / coarse.size
    return bool(share >= _FLAT_SHARE)


@dataclass
class Row:
    """One file: the verdict, the likeness of Pillion's picture to each other one, the errors, the explanation."""

    path: str
    verdict: str
    likeness: dict[str, tuple[float, float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    note: str = ""
    who: str = ""
    why: str = ""


def row_of(path: Path, shown: dict[str, Shown]) -> Row:
    """The verdict on a file."""
    row = Row(str(path), "nobody", note=shown["pillion"].note)
    row.errors = {name: one.error for name, one in shown.items() if one.error}
    mine = shown["pillion"].pixels
    others = {name: one.pixels for name, one in shown.items() if name != "pillion" and one.pixels is not None}
    if mine is None:
        row.verdict = "refused" if others else "nobody"
        return row
    row.likeness = {name: likeness(mine, pixels) for name, pixels in others.items()}
    if not others:
        row.verdict = "alone"
    elif any(agree(mine, pixels) for pixels in others.values()):
        row.verdict = "agree"
    elif is_flat(mine) and not all(is_flat(pixels) for pixels in others.values()):
        row.verdict = "flat"
    else:
        row.verdict = "differs"
    return row


# files, the table, the sheet ------------------------------------------------------------------------------------------


def files(folders: Sequence[Path]) -> Iterator[Path]:
    """Regular files that Pillion takes for pictures by their bytes, or whose names say that they are."""
    from pillion import _core
    from pillion.readers.images import decode

    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and not path.is_symlink() and path.stat().st_size:
                mimes = decode.mime_of(path), _core.mime_from_name(path.name.encode(errors="surrogateescape"))
                if any(_core.media_class(mime) == "image" and mime != "image/svg+xml" for mime in mimes):
                    yield path


def explain(row: Row, explained: Sequence[dict[str, str]]) -> None:
    """Add the explanation of the first entry that fits."""
    for entry in explained:
        if fnmatch.fnmatch(row.path, f"*{entry['name']}"):
            row.who, row.why = entry["who"], entry["why"]
            return


_BUGS = ("flat", "differs", "refused")
_CELL = 160


def sheet(rows: Sequence[tuple[Row, dict[str, Shown]]]) -> Image.Image:
    """Pillion's, Pillow's and libvips' pictures side by side, a row for each file."""
    height = _CELL + 28
    picture = Image.new("RGB", (3 * (_CELL + 8) + 4, max(1, len(rows)) * height), "white")
    draw = ImageDraw.Draw(picture)
    for index, (row, shown) in enumerate(rows):
        top = index * height
        draw.text((4, top + 2), f"{row.verdict}: {'/'.join(Path(row.path).parts[-2:])}"[:80], "black")
        draw.text((4, top + 14), f"{row.note} {row.why or row.errors.get('pillion', '')}"[:90], "darkred")
        for column, name in enumerate(DECODERS):
            place = (4 + column * (_CELL + 8), top + 28)
            pixels = shown[name].pixels
            if pixels is None:
                draw.text(place, "\n".join(_wrapped(shown[name].error, 26)[:10]), "red")
            else:
                cell = Image.fromarray(pixels)
                picture.paste(ImageOps.contain(cell, (_CELL, _CELL), Image.Resampling.NEAREST), place)
    return picture


def _wrapped(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def report(rows: Sequence[Row]) -> str:
    """The table of verdicts, and the files behind those that are bugs or explained."""
    counts = Counter(row.verdict for row in rows)
    shown = [row for row in rows if row.verdict != "nobody"]
    right = [row for row in shown if row.verdict in ("agree", "alone") or row.who == "pillion"]
    lines = [f"{verdict:8} {counts[verdict]:6}" for verdict in ("agree", "alone", "nobody", *_BUGS)]
    share = 100 * len(right) / max(1, len(shown))
    lines.append(
        f"{len(rows)} files; of {len(shown)} that somebody shows, {len(right)} ({share:.1f} %) agree or are right"
    )
    for row in rows:
        if row.verdict in _BUGS:
            values = " ".join(f"{name} {likes:.2f}/{diff:.0f}" for name, (likes, diff) in row.likeness.items())
            why = f"{row.who} is right: {row.why}" if row.why else row.errors.get("pillion", "")
            lines.append(f"{row.verdict:8} {row.path} {row.note} {values} {why}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")
    parser.add_argument("--sheet", type=Path, help="write the disagreements as a picture")
    parser.add_argument("--explained", type=Path, help="a TOML table of known disagreements")
    arguments = parser.parse_args()
    explained = tomllib.loads(arguments.explained.read_text())["file"] if arguments.explained else []
    rows: list[Row] = []
    bugs: list[tuple[Row, dict[str, Shown]]] = []
    worker = Child()
    for path in files(arguments.folders):
        shown = {name: worker.shown(name, path) for name in DECODERS}
        row = row_of(path, shown)
        explain(row, explained)
        rows.append(row)
        if row.verdict in _BUGS:
            bugs.append((row, shown))
        if arguments.json:
            print(json.dumps(asdict(row)), flush=True)
    worker.close()
    if arguments.sheet:
        sheet(bugs).save(arguments.sheet)
    print(report(rows), file=sys.stderr if arguments.json else sys.stdout)
    return 1 if any(row.who in ("", "other") for row, _ in bugs) else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        child()
    else:
        sys.exit(main())
