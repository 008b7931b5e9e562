"""One tool in its own process and environment: ``worker.py TOOL``. Uses only the standard library and the tool.

Reads one JSON job per line and answers each with one line. A job: ``paths``, ``specs`` ([longest side, quality] each,
largest first), ``method`` (WebP effort, null for the tool's default), ``threads`` (Pillion's batch; 0: one picture
after the other in this thread), ``keep`` (a folder for the thumbnails, or null). The answer: ``seconds`` and ``cpu``
for all paths together, ``bytes`` of all thumbnails. The first line of output gives the versions in use.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Specs = list[tuple[int, int]]
Maker = Callable[[str, Specs, int | None], list[bytes]]


def pillion() -> tuple[str, Maker]:
    """The library's own call, with sizes instead of names."""
    import pillion
    from pillion import _core

    def make(path: str, specs: Specs, method: int | None) -> list[bytes]:
        return [made.data for made in _core.thumbnails(path, pillion_specs(specs, method))]

    return f"pillion {pillion.__version__}", make


def pillion_specs(specs: Specs, method: int | None) -> list[tuple[str, int, int, int]]:
    """The core's specs; without a method that of the variant of this size."""
    from pillion.kinds.thumbnail.kind import THUMB_SPECS

    own = {spec.max_side: spec.method for spec in THUMB_SPECS.values()}
    return [(str(side), side, quality, own[side] if method is None else method) for side, quality in specs]


def pillion_folder(paths: list[str], specs: Specs, method: int | None, threads: int) -> Iterator[list[bytes]]:
    """The library's batch call: Rust threads in one process."""
    from pillion import _core

    for _, made in _core.thumbnail_batch(paths, pillion_specs(specs, method), threads=threads):
        if isinstance(made, Exception):
            raise made
        yield [thumbnail.data for thumbnail in made]


def pyvips(once: bool) -> tuple[str, Maker]:
    """``thumbnail`` from the file for each size, as its documentation advises; ``once``: all from the largest."""
    import pyvips

    # A repeated call would be answered from the operation cache, without any work.
    pyvips.cache_set_max(0)

    def save(image: Any, quality: int, method: int | None) -> bytes:
        effort = {} if method is None else {"effort": method}
        saved: bytes = image.webpsave_buffer(Q=quality, keep="none", **effort)
        return saved

    def each(path: str, specs: Specs, method: int | None) -> list[bytes]:
        return [
            save(pyvips.Image.thumbnail(path, side, height=side, size="down"), quality, method)
            for side, quality in specs
        ]

    def cascade(path: str, specs: Specs, method: int | None) -> list[bytes]:
        side, quality = specs[0]
        largest = pyvips.Image.thumbnail(path, side, height=side, size="down").copy_memory()
        made = [save(largest, quality, method)]
        for side, quality in specs[1:]:
            made.append(save(largest.thumbnail_image(side, height=side, size="down"), quality, method))
        return made

    version = ".".join(str(pyvips.version(part)) for part in range(3))
    return f"libvips {version}, pyvips {pyvips.__version__}", cascade if once else each


def pillow() -> tuple[str, Maker]:
    """Pillow's interface, whichever package stands behind it: draft mode, then each size from the one before."""
    import PIL
    from PIL import Image, ImageOps

    def make(path: str, specs: Specs, method: int | None) -> list[bytes]:
        with Image.open(path) as opened:
            opened.draft("RGB", (specs[0][0], specs[0][0]))
            image = ImageOps.exif_transpose(opened).convert("RGB")
        made = []
        for side, quality in specs:
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            image.save(out, "WEBP", quality=quality, **({} if method is None else {"method": method}))
            made.append(out.getvalue())
        return made

    return f"Pillow {PIL.__version__}", make


TOOLS: dict[str, Callable[[], tuple[str, Maker]]] = {
    "pillion": pillion,
    "pyvips": lambda: pyvips(once=False),
    "pyvips-once": lambda: pyvips(once=True),
    "pillow-simd": pillow,
}


def work(make: Maker, job: dict[str, Any]) -> Iterable[list[bytes]]:
    specs = [(side, quality) for side, quality in job["specs"]]
    if job["threads"]:
        return pillion_folder(job["paths"], specs, job["method"], job["threads"])
    return (make(path, specs, job["method"]) for path in job["paths"])


def main() -> None:
    name, make = TOOLS[sys.argv[1]]()
    print(json.dumps({"version": name}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        start, cpu = time.perf_counter(), time.process_time()
        kept, size = [], 0
        for made in work(make, job):
            size += sum(map(len, made))
            if job["keep"]:
                kept.append(made)
        answer = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "bytes": size}
        for number, made in enumerate(kept):
            for (side, _), data in zip(job["specs"], made, strict=True):
                Path(job["keep"], f"{number}-{side}.webp").write_bytes(data)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
