"""The frame that stands for a video, and sound as a stream."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.readers import media as engine
from pillion.readers.media import opening
from tests.support import films, media


def write(path: Path, frames: list[NDArray[np.uint8]], **stream_options: object) -> Path:
    """A video of these frames, (H, W, 3) RGB, ten a second, a key frame each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 1
        for name, value in stream_options.items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def flat(value: int) -> NDArray[np.uint8]:
    return np.full((120, 160, 3), value, dtype=np.uint8)


def marked() -> NDArray[np.uint8]:
    """Red with a white upper left corner."""
    frame = flat(0)
    frame[:, :, 0] = 200
    frame[:60, :80] = 255
    return frame


def is_white(pixel: NDArray[np.uint8]) -> bool:
    return bool((pixel > 200).all())


def test_black_and_flat_frames_are_passed_over(silent_video: Path, tmp_path: Path) -> None:
    assert engine.representative_frame(silent_video, max_side=4096).pixels.std() > 10
    path = write(tmp_path / "flat.mp4", [flat(0)] * 20 + [flat(128)] * 20 + [marked()] * 10)
    frame = engine.representative_frame(path, max_side=4096).pixels
    assert frame.shape == (120, 160, 3)
    assert is_white(frame[10, 10])


def test_a_video_that_is_all_black_still_has_a_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "black.mp4", [flat(0)] * 15)
    assert engine.representative_frame(path, max_side=4096).pixels.max() < 20


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    assert is_white(engine.representative_frame(write(tmp_path / "one.mp4", [marked()]), max_side=4096).pixels[5, 5])


def test_the_display_matrix_is_honoured(tmp_path: Path) -> None:
    turned = films.turned(write(tmp_path / "a.mp4", [marked()] * 15))
    frame = engine.representative_frame(turned, max_side=4096).pixels
    assert frame.shape == (160, 120, 3)
    assert is_white(frame[10, 110])
    assert not is_white(frame[10, 10])


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.mkv", [marked()] * 15, sample_aspect_ratio=2)
    assert engine.representative_frame(path, max_side=4096).pixels.shape == (120, 320, 3)


def test_large_frames_are_made_smaller(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [marked()] * 3)
    assert engine.representative_frame(path, max_side=80).pixels.shape == (60, 80, 3)


def test_sound_without_a_picture_has_no_frame(speech_wav: Path) -> None:
    with pytest.raises(ItemError) as caught:
        engine.representative_frame(speech_wav, max_side=100)
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


def test_probe(talking_video: Path, silent_video: Path, speech_wav: Path) -> None:
    info = engine.probe(talking_video)
    assert (info.audio, info.video) == (True, True)
    assert engine.probe(silent_video).audio is False
    assert engine.probe(speech_wav).video is False
    assert info.seconds is not None
    assert info.seconds > 3


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a", ".ogg"])
def test_sound_comes_in_small_blocks_whatever_the_codec(suffix: str, tmp_path: Path) -> None:
    path = media.write_audio(tmp_path / f"tone{suffix}", media.tone(5, rate=44_100), rate=44_100)
    blocks = list(engine.audio_blocks(path))
    assert len(blocks) >= 4
    samples = np.concatenate(blocks)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(5 * engine.SAMPLE_RATE, rel=0.03)
    spectrum = np.abs(np.fft.rfft(samples[: 4 * engine.SAMPLE_RATE]))
    assert spectrum.argmax() / 4 == pytest.approx(440, abs=2)


def test_a_playlist_opens_nothing_else(tmp_path: Path, speech_wav: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:20\n#EXTINF:15,\n{speech_wav}\n#EXT-X-ENDLIST\n"
    )
    script = tmp_path / "script.ffconcat"
    script.write_text(f"ffconcat version 1.0\nfile '{speech_wav}'\n")
    for path in (playlist, script):
        with pytest.raises(ItemError) as caught:
            list(engine.audio_blocks(path))
        assert caught.value.error_class in (ErrorClass.CORRUPT, ErrorClass.UNSUPPORTED)


# codecs ---------------------------------------------------------------------------------------------------------------


def test_what_is_called_common_can_be_decoded() -> None:
    lacking = {name for name in opening._COMMON_CODECS.split() if not _decoded(name)}
    assert lacking == set()


def _decoded(codec: str) -> bool:
    try:
        av.codec.Codec({"amr_nb": "amrnb", "amr_wb": "amrwb"}.get(codec, codec), "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (b"avs3", "there is no decoder for avs3, the codec of the video track"),
        (b"xyz1", "the video track is in a codec that FFmpeg does not know (xyz1)"),
    ],
)
def test_a_codec_without_a_decoder_is_named(tag: bytes, said: str, talking_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(talking_video.read_bytes().replace(b"avc1", tag))
    with pytest.raises(ItemError) as caught:
        engine.representative_frame(path, max_side=100)
    assert (caught.value.error_class, caught.value.message) == (ErrorClass.UNSUPPORTED, said)
    assert sum(map(len, engine.audio_blocks(path))) > 3 * engine.SAMPLE_RATE


def test_an_audio_track_that_nobody_decodes_is_passed_over(speech_wav: Path, tmp_path: Path) -> None:
    path = media.write_tracks(tmp_path / "two.mkv", [(speech_wav, "eng"), (speech_wav, "deu")], default=1)
    data = path.read_bytes()
    assert [track.number for track in engine.audio_tracks(path)] == [1, 2]
    path.write_bytes(data.replace(b"A_PCM/INT/LIT", b"A_XCM/INT/LIT", 1))
    assert [track.number for track in engine.audio_tracks(path)] == [2]
    path.write_bytes(data.replace(b"A_PCM/INT/LIT", b"A_XCM/INT/LIT"))
    assert [track.number for track in engine.audio_tracks(path)] == [1, 2]
    with pytest.raises(ItemError, match="does not know") as caught:
        next(engine.audio_blocks(path))
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
