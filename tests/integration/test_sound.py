"""Sound by the clock of its file, and its channels mixed to one."""

from __future__ import annotations

import itertools
import struct
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds.transcript import languages, transcribe
from pillion.kinds.transcript.kind import TRANSCRIPT_LANGUAGES
from pillion.readers import media as engine
from pillion.readers.media.clock import Stamp, jumps
from tests.support import films
from tests.support import media as sounds

RATE = engine.SAMPLE_RATE


def beep(seconds: float = 1.0) -> NDArray[np.int16]:
    return sounds.tone(seconds, rate=films.RATE)


def heard(path: Path) -> tuple[NDArray[np.float32], engine.Clock]:
    clock = engine.Clock()
    return np.concatenate(list(engine.audio_blocks(path, 1, clock))), clock


def starts(path: Path) -> list[float]:
    """When each stretch of sound begins, by the file's clock, to a tenth of a second."""
    samples, clock = heard(path)
    loud = np.abs(samples).reshape(-1)
    steps = loud[: len(loud) // 800 * 800].reshape(-1, 800).max(axis=1) > 0.05
    begins = [index for index in range(len(steps)) if steps[index] and (index == 0 or not steps[index - 1])]
    return [round(clock.time(index * 800 / RATE), 1) for index in begins]


# the clock ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mov"])
def test_sound_that_starts_later_than_the_film(suffix: str, tmp_path: Path) -> None:
    path = films.write_stamped(tmp_path / f"a{suffix}", [(12.0, beep())], film_s=14)
    assert starts(path) == pytest.approx([12.0], abs=0.11)


def test_a_hole_in_the_time_stamps(tmp_path: Path) -> None:
    path = films.write_stamped(tmp_path / "a.mkv", [(0.0, beep()), (30.0, beep()), (31.5, beep())])
    assert starts(path) == pytest.approx([0.0, 30.0, 31.5], abs=0.11)
    samples, clock = heard(path)
    assert len(samples) < 9 * RATE, "a hole costs little"
    assert clock.time(len(samples) / RATE) == pytest.approx(32.5, abs=0.05)


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_time_counts_from_the_start_of_the_file(suffix: str, tmp_path: Path) -> None:
    pieces = [(2.0, beep()), (9.0, beep())]
    path = films.write_stamped(tmp_path / f"a{suffix}", pieces, film_s=11, start=50_000.0)
    assert starts(path) == pytest.approx([2.0, 9.0], abs=0.11)


def clocked(*stamps: tuple[float | None, float], length: float | None = None) -> list[float]:
    """The time at which each piece of sound (its stamp, its length) is played."""
    times: list[float] = []
    now = 0.0
    given = [Stamp(time, seconds) for time, seconds in stamps]
    for stamp, jump in zip(given, jumps(given, length=length), strict=True):
        now = now if jump is None else jump.time
        times.append(now)
        now += stamp.seconds
    return times


def test_a_single_wrong_stamp_is_not_believed() -> None:
    assert clocked((0, 1), (1, 1), (500, 1), (3, 1), (4, 1)) == [0, 1, 2, 3, 4]
    assert clocked((900, 1), (1, 1), (2, 1)) == [0, 1, 2]


def test_pieces_without_a_stamp_follow_the_others() -> None:
    assert clocked((5, 1), (None, 1), (7, 1), (None, 1)) == [5, 6, 7, 8]


def test_a_clock_that_starts_again_goes_on() -> None:
    assert clocked((0, 10), (10, 10), (0, 10), (10, 10)) == [0, 10, 20, 30]
    assert clocked((0, 10), (95_000, 10), (95_010, 10), length=30) == [0, 10, 20]


def test_pieces_that_overlap_are_where_the_file_says() -> None:
    assert clocked((0, 5), (5, 5), (8, 5), (13, 5)) == [0, 5, 8, 13]


def test_drift_is_followed_without_silence() -> None:
    given = [Stamp(index * 1.001, 1.0) for index in range(1000)]
    found = [jump for jump in jumps(given, length=None) if jump is not None]
    assert len(found) > 5
    assert all(jump.hole == 0 for jump in found)
    assert found[-1].time == pytest.approx(1000, abs=110)


# channels -------------------------------------------------------------------------------------------------------------


def level(path: Path) -> float:
    samples = heard(path)[0]
    return float(np.sqrt(np.mean(np.square(samples[RATE // 2 : -RATE // 2]))))


@pytest.mark.parametrize("right", [1.0, -1.0, -0.9, -0.5, 0.0])
def test_two_channels_never_cancel_out(right: float, tmp_path: Path) -> None:
    left = beep(5)
    path = films.write_stamped(tmp_path / "a.mkv", [(0.0, np.stack([left, (left * right).astype(np.int16)]))])
    assert level(path) == pytest.approx(np.sqrt(np.mean(np.square(left / 32768))), rel=0.05)


def test_ordinary_stereo_is_the_mean_of_both(tmp_path: Path) -> None:
    left, right = sounds.tone(4, frequency=440), sounds.tone(4, frequency=620)
    path = films.write_stamped(tmp_path / "a.mkv", [(0.0, np.stack([left, right]))])
    samples = heard(path)[0][: 3 * RATE]
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum[440 * 3] == pytest.approx(spectrum[620 * 3], rel=0.02)


def test_five_channels_keep_what_is_said_in_the_middle(tmp_path: Path) -> None:
    middle, other = sounds.tone(3, frequency=440) / 32768, sounds.tone(3, frequency=620) / 32768
    silence = np.zeros_like(middle)
    # Left, right, middle, low, left behind, right behind.
    channels = np.stack([other, -other, middle, silence, silence, silence]).astype(np.float32)
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout="5.1")
        packed = np.ascontiguousarray(channels.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="5.1")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    spectrum = np.abs(np.fft.rfft(heard(tmp_path / "a.wav")[0][: 2 * RATE]))
    assert spectrum[440 * 2] > 0.9 * spectrum.max()


@pytest.mark.parametrize("count", [3, 4, 6, 8, 10, 16])
@pytest.mark.parametrize("place", ["first", "fourth", "last"])
def test_every_microphone_of_a_recorder_is_heard(count: int, place: str, tmp_path: Path) -> None:
    """A WAV file without a channel mask: which channel is where, it does not say."""
    channel = {"first": 0, "fourth": min(3, count - 1), "last": count - 1}[place]
    samples = np.zeros((3 * RATE, count), np.int16)
    samples[:, channel] = sounds.tone(3)
    data = samples.tobytes()
    head = struct.pack("<HHIIHH", 1, count, RATE, RATE * count * 2, count * 2, 16)
    path = tmp_path / "a.wav"
    path.write_bytes(
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )
    assert level(path) == pytest.approx(np.sqrt(np.mean(np.square(sounds.tone(3) / 32768))), rel=0.55)


# tracks ---------------------------------------------------------------------------------------------------------------


def test_sixteen_channels_apart_from_each_other_are_heard(tmp_path: Path) -> None:
    """Ambisonics of the third order, as Opus stores it: more channels than FFmpeg lists planes in a frame."""
    path = tmp_path / "ambisonics.opus"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000, options={"mapping_family": "255"})
        stream.layout = "16 channels"
        spread = np.repeat(beep(9.0).reshape(-1, 1), 16, axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(spread, format="s16", layout="16 channels")
        frame.sample_rate = 48000
        for part in av.AudioResampler(format=stream.format, layout="16 channels", rate=48000).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    assert level(path) > 0.1


def test_a_commentary_is_not_the_sound_of_the_film(speech_wav: Path, tmp_path: Path) -> None:
    path = sounds.write_tracks(tmp_path / "a.mkv", [(speech_wav, "eng"), (speech_wav, "eng")], default=1)
    assert transcribe._tracks(path, None) == [1]
    commented = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(commented), "w") as target:
        streams = [target.add_stream_from_template(stream) for stream in source.streams.audio]
        streams[0].disposition = Disposition.default | Disposition.comment
        streams[1].disposition = Disposition(0)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert [track.aside for track in engine.audio_tracks(commented)] == [True, False]
    assert transcribe._tracks(commented, None) == [2]


def test_a_forced_language_chooses_its_track(speech_wav: Path, tmp_path: Path) -> None:
    tracks = [(speech_wav, "eng"), (speech_wav, "ger"), (speech_wav, "ger"), (speech_wav, "fre")]
    path = sounds.write_tracks(tmp_path / "a.mkv", tracks, default=1)
    assert transcribe._tracks(path, "de") == [2]
    assert transcribe._tracks(path, "fr") == [4]
    assert transcribe._tracks(path, "es") == [1]
    assert transcribe._tracks(sounds.write_tracks(tmp_path / "b.mkv", tracks, default=3), "de") == [3]


@pytest.mark.parametrize(
    ("tag", "code"),
    [("ger", "de"), ("deu", "de"), ("de-AT", "de"), ("zh_TW", "zh"), ("nob", "no"), ("und", None), ("", None)],
)
def test_the_tags_of_tracks_name_languages(tag: str, code: str | None) -> None:
    assert languages.whisper_code(tag) == code


def test_every_language_of_whisper_is_known_by_its_own_code() -> None:
    assert [languages.whisper_code(code) for code in TRANSCRIPT_LANGUAGES] == list(TRANSCRIPT_LANGUAGES)


def test_a_language_that_a_user_names_is_known_or_refused() -> None:
    assert [languages.named_language(name) for name in (None, "de", "eng", "pt-BR")] == [None, "de", "en", "pt"]
    with pytest.raises(UsageError, match=r"no language 'english'; did you mean 'eng'\?"):
        languages.named_language("english")


def test_sound_that_is_gone_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        next(engine.audio_blocks(tmp_path / "gone.wav"))
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE


# without end ----------------------------------------------------------------------------------------------------------


def _slow_wave(path: Path, rate: int, samples: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(bytes([128, 129]) * (samples // 2))
    return path


def test_days_of_sound_in_a_small_file_are_refused_at_once(tmp_path: Path) -> None:
    path = _slow_wave(tmp_path / "days.wav", 1, 100_000)
    blocks = engine.audio_blocks(path)
    with pytest.raises(ItemError, match="24 hours") as caught:
        next(blocks)
    assert caught.value.error_class is ErrorClass.TOO_LARGE


def test_a_frame_of_minutes_comes_in_blocks_of_a_second(tmp_path: Path) -> None:
    path = _slow_wave(tmp_path / "slow.wav", 10, 20_000)
    assert all(0 < len(block) <= RATE for block in itertools.islice(engine.audio_blocks(path), 500))
