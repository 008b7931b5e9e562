"""A long test of promise 10: the same pictures give the same bytes on every run with any number of threads.

``.venv/bin/python tools/check_same_bytes.py [--runs 100] [--count 50] [FILE ...]``: makes thumbnails of the files (by
default of 50 pictures of many types) ``--runs`` times with 1, 2 and 4 threads each, and compares all bytes. Exit code 1
if any differ.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pillion import thumbnail_batch
from pillion.errors import ItemError

THREADS = (1, 2, 4)
VARIANTS = ("icon", "grid@1x", "grid@2x")


def picture(number: int) -> tuple[str, bytes]:
    """File name extension and bytes of one of many types: rotated, progressive, grey, CMYK, alpha, six formats."""
    from tests.support.photos import jpeg_bytes, photo
    from tests.support.pictures import encoded, glass

    scene = photo(number, (600 + 16 * number, 460))
    match number % 10:
        case 0 | 1 | 2:
            return "jpg", jpeg_bytes(scene, quality=70 + number % 30, orientation=1 + number % 8)
        case 3:
            return "jpg", encoded(scene, "JPEG", quality=85, progressive=True)
        case 4:
            return "jpg", encoded(scene, "JPEG", quality=95, subsampling=0)
        case 5:
            return "jpg", encoded(scene.convert("CMYK" if number % 20 == 5 else "L"), "JPEG")
        case 6:
            return "png", encoded(scene, "PNG")
        case 7:
            return "webp", encoded(glass(600, 460), "WEBP")
        case 8:
            return "tif", encoded(scene, "TIFF", compression="tiff_lzw")
        case _:
            return "gif", encoded(scene.convert("P"), "GIF")


def make_pictures(folder: Path, count: int) -> list[Path]:
    """So many pictures in a folder."""
    made = []
    for number in range(count):
        suffix, data = picture(number)
        made.append(folder / f"{number:02}.{suffix}")
        made[-1].write_bytes(data)
    return made


def digests(files: Sequence[Path], threads: int) -> dict[Path, str]:
    """One digest of all thumbnails of each file. Raises ItemError."""
    found = {}
    for path, made in thumbnail_batch(files, VARIANTS, threads=threads):
        if isinstance(made, ItemError):
            raise made
        found[path] = hashlib.sha256(b"".join(made[name] for name in VARIANTS)).hexdigest()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="The same bytes on every run and number of threads?")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=100, help="for each number of threads")
    parser.add_argument("--count", type=int, default=50, help="how many pictures to make")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        files = options.files or make_pictures(Path(scratch), options.count)
        first = digests(files, 1)
        differing = 0
        for _ in range(options.runs):
            for threads in THREADS:
                found = digests(files, threads)
                differing += sum(found[path] != first[path] for path in files)
    made = options.runs * len(THREADS) * len(files)
    print(
        f"{options.runs} runs x {len(files)} files with {', '.join(map(str, THREADS))} threads: {differing} of {made} "
        f"differ ({time.monotonic() - start:.0f} s)"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
