"""The peak memory for hours of sound: a long FLAC is written, and transcribed in a separate process."""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.support import media

_BLOCK_SECONDS = 60


def peak_of_hours(speech: Path, hours: float, folder: Path, *, rest: float = 0.0) -> tuple[int, float]:
    """(Bytes of resident memory at most, seconds) for so many hours: ``speech`` over and over, ``rest`` s between."""
    path = _write(speech, hours, rest, folder / f"hours-{hours:g}-{rest:g}.flac")
    path.with_name(f"{path.name}.checkpoint").unlink(missing_ok=True)
    start = time.perf_counter()
    command = [sys.executable, "-m", "benches.text.memory", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    return int(done.stdout), time.perf_counter() - start


def _write(speech: Path, hours: float, rest: float, path: Path) -> Path:
    if path.exists():
        return path
    once, rate = media.read_wav(speech)
    samples = np.concatenate([once, media.silence(rest, rate)])
    left = round(hours * 3600 * rate)
    new = path.with_suffix(".new.flac")
    with av.open(str(new), "w") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        stream.time_base = Fraction(1, rate)
        position = 0
        while left > 0:
            at = position % len(samples)
            block = samples[at : at + min(left, _BLOCK_SECONDS * rate)]
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = position
            position, left = position + len(block), left - len(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    new.rename(path)
    return path


def _peak() -> int:
    """Peak resident memory of this program, in bytes.

    Not getrusage's figure, which includes the parent's memory at the time of the fork.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) * 1024


if __name__ == "__main__":
    from pillion.kinds.transcript import transcribe

    transcribe.transcribe(Path(sys.argv[1]), model="base", language=None, checkpoint=Path(sys.argv[1] + ".checkpoint"))
    print(_peak())
