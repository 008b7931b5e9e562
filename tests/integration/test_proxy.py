"""Proxies of films and sound: what plays, at the right time, in the right size; in a browser, too."""

from __future__ import annotations

import functools
import http.server
import struct
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import Library, _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.lacking import Lacking
from pillion.kinds.proxy.lacking import lacking
from pillion.kinds.registry import find
from pillion.model import Empty, GenerationRequest
from pillion.readers.media import webm
from tests.support import browser, films, media


def generated(path: Path, *variants: str, **more: Any) -> Any:
    generator = find("proxy", "video/mp4")
    assert generator is not None
    mime = _core.sniff_file(path)
    request = GenerationRequest(kind="proxy", variants=variants or ("480p",), source=path, mime=mime, **more)
    return generator.generate(request)


def made(path: Path, variant: str = "480p") -> Path:
    (produced,) = generated(path, variant)
    to = path.with_suffix(".proxy.webm")
    to.write_bytes(produced.data)
    return to


def frames(path: Path) -> list[tuple[float, int]]:
    """Each frame's time and the number that it shows."""
    with av.open(str(path)) as container:
        shown = [(frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return [(time, films.number_in(pixels)) for time, pixels in shown]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video")]
)
def test_every_frame_is_at_its_time(name: str, codec: str, tmp_path: Path) -> None:
    path = made(films.write_numbered(tmp_path / name, films.even(75), codec=codec, keys_every=25))
    shown = frames(path)
    assert len(shown) >= 74
    assert all(abs(time - number / 25) < 0.09 for time, number in shown)
    assert [number for _, number in shown] == sorted({number for _, number in shown})
    with av.open(str(path)) as container:
        assert [stream.codec_context.codec.canonical_name for stream in container.streams] == ["vp9"]
        assert container.duration == pytest.approx(3_000_000, abs=100_000)


def test_segments_are_joined_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = films.write_numbered(tmp_path / "a.mp4", films.even(250), sound_s=10, keys_every=30)
    whole = frames(made(source))
    monkeypatch.setattr(webm, "SEGMENT_S", 1.5)
    joined = made(source)
    assert frames(joined) == whole
    with av.open(str(joined)) as container:
        stamps = [packet.dts for packet in container.demux(video=0) if packet.size]
        assert stamps == sorted(set(stamps))
    assert joined.read_bytes().index(b"\x1c\x53\xbb\x6b") < joined.read_bytes().index(b"\x1f\x43\xb6\x75")


def test_the_same_film_gives_the_same_bytes(tmp_path: Path) -> None:
    source = films.write_numbered(tmp_path / "a.mp4", films.even(50), sound_s=2)
    first, second = generated(source, "180p", "480p"), generated(source, "180p", "480p")
    assert first == second
    assert [one.variant for one in first] == ["180p", "480p"]


def test_times_that_are_not_even_stay(tmp_path: Path) -> None:
    times = [0, 0.1, 0.5, 2.0, 2.04, 2.08, 5.0, 61.0, 125.0]
    source = films.write_numbered(tmp_path / "a.mkv", times, keys_every=3, tick=Fraction(1, 100))
    shown = frames(made(source))
    assert [number for _, number in shown] == list(range(len(times)))
    assert [time for time, _ in shown] == pytest.approx(times, abs=0.005)


def test_of_sixty_frames_a_second_every_other_is_kept(tmp_path: Path) -> None:
    source = films.write_numbered(tmp_path / "a.mp4", films.even(120, 60), tick=Fraction(1, 60))
    shown = frames(made(source))
    assert [number for _, number in shown] == list(range(0, 120, 2))


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([180, 480, 720]))
def test_sizes_are_even_fit_and_keep_the_proportions(width: int, height: int, short: int) -> None:
    made = webm.size_for((width, height), short)
    assert all(side % 2 == 0 and side >= 2 for side in made)
    assert min(made) <= max(2, short)
    for side, original in zip(made, (width, height), strict=True):
        assert side <= max(2, original)
    scale = min(1.0, short / min(width, height))
    assert made[0] == pytest.approx(width * scale, abs=2.001)
    assert made[1] == pytest.approx(height * scale, abs=2.001)


def test_turned_films_are_upright(tmp_path: Path) -> None:
    turned = films.turned(films.write_numbered(tmp_path / "a.mp4", films.even(10)))
    with av.open(str(made(turned))) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert shown[0].shape == (320, 180, 3)
    assert [films.number_in(np.ascontiguousarray(np.rot90(frame))) for frame in shown] == list(range(10))


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    source = films.write_numbered(tmp_path / "a.mkv", films.even(5), marks={"sample_aspect_ratio": Fraction(4, 3)})
    with av.open(str(made(source))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (426, 180)
        assert stream.sample_aspect_ratio in (None, 1)


@pytest.mark.parametrize("curve", ["pq", "hlg"])
def test_high_dynamic_range_is_mapped_as_in_thumbnails(curve: str, tmp_path: Path) -> None:
    source = films.write_hdr(tmp_path / "a.mkv", films.patches(), curve)
    with av.open(str(made(source))) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    for row, colour in ((80, (255, 0, 0)), (240, (255, 255, 255)), (400, (128, 128, 128))):
        assert np.abs(frame[row, 160] - colour).max() < 25


# sound ----------------------------------------------------------------------------------------------------------------


def heard(path: Path) -> np.ndarray[Any, Any]:
    """Loudness, in pieces of 10 ms from the start of the file, as players take their times."""
    with av.open(str(path)) as container:
        pieces: dict[int, float] = {}
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000, frame_size=480)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                pieces[round(float(part.time) * 100)] = float(np.abs(part.to_ndarray()).mean())
    return np.array([pieces.get(index, 0.0) for index in range(max(pieces) + 1)])


def test_sound_stays_with_the_pictures(tmp_path: Path) -> None:
    """A film that starts with its clock at 7 s; the sound begins a second after the pictures, and has a hole."""
    tone = media.tone(1, films.RATE)
    source = films.write_stamped(tmp_path / "a.mkv", [(1.0, tone), (3.5, tone)], film_s=5, start=7.0)
    path = made(source)
    loud = np.append(heard(path) > 0.05, False)
    edges = np.flatnonzero(np.diff(loud.astype(int))) / 100
    assert edges == pytest.approx([1.0, 2.0, 3.5, 4.5], abs=0.05)
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[0] == pytest.approx(0, abs=0.01)
    assert times[-1] == pytest.approx(4.9, abs=0.01)


def test_sound_that_browsers_play_is_left_alone(tmp_path: Path) -> None:
    wav = media.write_wav(tmp_path / "a.wav", media.tone(1))
    assert isinstance(generated(wav), Empty)
    aac = media.write_audio(tmp_path / "a.m4a", media.tone(1))
    assert isinstance(generated(aac), Empty)


def test_sound_that_they_do_not_play_becomes_opus(tmp_path: Path) -> None:
    source = tmp_path / "a.ac3"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("ac3", rate=48_000)
        stream.layout = "stereo"
        container.mux(films.tone(stream, 2.0))
    path = made(source)
    with av.open(str(path)) as container:
        assert [stream.codec_context.codec.canonical_name for stream in container.streams] == ["opus"]
        assert container.duration == pytest.approx(2_000_000, abs=100_000)
    assert (heard(path)[10:190] > 0.05).all()


# copied, refused ------------------------------------------------------------------------------------------------------


def test_what_fits_is_copied_and_not_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = films.write_numbered(
        tmp_path / "a.webm", films.even(50), codec="libvpx-vp9", sound_s=2, options={"b": "300k"}
    )

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return sorted(bytes(packet) for packet in container.demux() if packet.size)

    assert packets(made(source)) == packets(source)
    # A larger one is encoded, and one in which nobody could seek; their sound is copied all the same.
    large = films.write_numbered(tmp_path / "b.webm", films.even(25), codec="libvpx-vp9", sound_s=1, size=(640, 360))
    with av.open(str(made(large, "180p"))) as container, av.open(str(large)) as original:
        assert container.streams.video[0].height == 180
        sound = [[bytes(packet) for packet in one.demux(audio=0) if packet.size] for one in (container, original)]
        assert sound[0] == sound[1]
    one_key = films.write_numbered(tmp_path / "c.webm", films.even(450), codec="libvpx", keys_every=9999, size=(80, 48))
    assert packets(made(one_key)) != packets(one_key)


def test_what_cannot_be_decoded_has_a_typed_error(tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / "a.mp4", films.even(20))
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    path.write_bytes(data[:start] + bytes(size) + data[start + size :])
    with pytest.raises(ItemError) as caught:
        generated(path)
    assert caught.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize("which", ["VIDEO_ENCODER", "SOUND_ENCODER"])
def test_an_encoder_that_ffmpeg_lacks_is_a_missing_tool(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = films.write_numbered(tmp_path / "a.mp4", films.even(10), sound_s=1)
    monkeypatch.setattr(webm, which, "there_is_none")
    with pytest.raises(ItemError, match="has no encoder there_is_none: run pip install") as caught:
        generated(path)
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    assert lacking("video/mp4", {}) == Lacking(some=(caught.value.message,))


# in a library, and in a browser ---------------------------------------------------------------------------------------


def test_a_server_makes_them(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    films.write_numbered(folder / "a.mp4", films.even(30), sound_s=1)
    with Library.open(tmp_path / "library", policy="server") as library:
        library.index(folder, kinds=["proxy"])
        library.run()
        (row,) = library.ls(kind="proxy")
        assert (row.variant, str(row.state)) == ("480p", "ready")
        assert row.path is not None
        assert row.path.parts[-2:] == ("proxies", "480p.webm")
        assert len(frames(row.path)) == 30
        assert library.verify() == []
        assert not list((library.root / "staging").rglob("*.json*"))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files with ranges, as players need them."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        data = path.read_bytes() if path.is_file() else b""
        wanted = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(wanted[0]), min(len(data) - 1, int(wanted[2] or len(data)))
        self.send_response(206 if path.is_file() else 404)
        self.send_header("Content-Type", "text/html" if path.suffix == ".html" else "video/webm")
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(max(0, end - start + 1)))
        self.end_headers()
        self.wfile.write(data[start : end + 1])


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server of the files of the test."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


PLAY = """async () => {
  const film = document.querySelector("video");
  const told = name => new Promise((done, failed) => {
    film.addEventListener(name, done, {once: true});
    film.addEventListener("error", () => failed(film.error.message), {once: true});
  });
  if (film.readyState < 2) await told("loadeddata");
  const found = {duration: film.duration, width: film.videoWidth, height: film.videoHeight};
  const seeked = told("seeked");
  film.currentTime = 7.5;
  await seeked;
  found.sought = film.currentTime;
  const canvas = new OffscreenCanvas(film.videoWidth || 2, film.videoHeight || 2);
  const drawn = canvas.getContext("2d");
  drawn.drawImage(film, 0, 0);
  found.pixels = [...drawn.getImageData(0, canvas.height / 2 | 0, canvas.width, 1).data];
  film.muted = true;
  await film.play();
  await new Promise(done => film.addEventListener("timeupdate", () => film.currentTime > 7.9 && done()));
  found.played = film.currentTime;
  return found;
}"""


def test_chromium_plays_and_seeks(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with browser.chromium() as chromium:
        monkeypatch.setattr(webm, "SEGMENT_S", 4.0)
        path = made(films.write_numbered(tmp_path / "a.mp4", films.even(250), sound_s=10, keys_every=50))
        (tmp_path / "a.html").write_text(f'<!doctype html><video src="{path.name}" preload="auto"></video>')
        with browser.tab(chromium, address) as seen:
            seen.page.goto("/a.html")
            found = seen.page.evaluate(PLAY)
            assert seen.wrong == []
    assert found["duration"] == pytest.approx(10, abs=0.2)
    assert (found["width"], found["height"]) == (320, 180)
    assert found["sought"] == pytest.approx(7.5, abs=0.01)
    row = np.array(found["pixels"], dtype=np.uint8).reshape(1, 320, 4)[..., :3]
    assert films.number_in(np.ascontiguousarray(row)) in (187, 188)
    assert found["played"] > 7.9
