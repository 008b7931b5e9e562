"""Frames of a film that are spread evenly over its length, found by seeking to key frames.

The length is cut into equal spans, and the frame of a span is the one that is shown in its middle. For most films the
key frame before that is near enough: so one packet is decoded for each span, and the rest of the file is not even read.
Where key frames are rare, and in short films, the frames after them are decoded up to the middle.

In MPEG-TS, which has no index, the place of a moment is reckoned from the bytes before and after it, and the next
key frame from there on is taken, if it is in the span. Matroska as it is written live has no index and no length:
FFmpeg learns both by reading it once.

Another file in which seeking does not work, or that does not say how long it is, is read twice from its beginning to
its end: once to learn where its key frames are, once to decode those that are needed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError
from pillion.readers.media.film import FilmFrame, aspect_of, decodable, decoder_of, finished, tracks_by_size
from pillion.readers.media.opening import opened, packets_of

if TYPE_CHECKING:
    import av
    import av.container

MOST_PIXELS = 200_000_000_000
"""Pixels of frames that are decoded only to reach others, for one wish: those of two hours in 720p, about. Where there
would be more, spans without a key frame are left to the one before them."""
FEW_PIXELS = 1_000_000_000
"""Pixels of all frames of a film that counts as short: those of three quarters of a minute in 720p."""
_ENOUGH_KEYS = 0.5
"""The share of the spans for which there must be a key frame each; the others are then shown as the one before."""

_FEED = 64
"""Packets that a decoder is given until it has answered a key frame with a picture."""
_SHORT = 0.95
"""A file whose packets end before this part of its length ends early ..."""
_TOLERANCE_S = 1.0
"""... if more than this is missing."""
_SAYS_LENGTH = ("mov", "matroska", "avi", "asf", "flv")
"""Formats (the beginnings of FFmpeg's names) whose header says how long the film is; of others it is a guess."""
_STREAM = "mpegts"
"""The format that has no index, and says of each frame where it begins and when it is shown."""
_LEARNS = "matroska"
"""The format of which FFmpeg notes the key frames that it passes, and so can seek to them."""
_LAST = (1 << 62) - 1
"""A time stamp after all others."""
_GUESSES = 12
"""So often the place of a moment is reckoned, each time from closer by."""
_LEAST_TAIL = 1 << 20
"""Bytes at the end of a stream in which its last packets are looked for; more where there are none."""
_FAR = 0.02
"""The share of a stream that is read for one key frame at most."""
_RATES = (1.0, 240.0)
_DEFAULT_RATE = 25.0
_BEAT_PACKETS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Spans:
    """A wish: the length cut into ``count`` spans, with frames of at most ``side`` pixels on the longest side."""

    count: int
    side: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpreadFrame:
    """A frame and what it stands for. ``time``: when it is shown. Seconds from the start of the file."""

    start: float
    end: float
    time: float
    frame: FilmFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """``frames``: for each wish, in order of time. ``seconds``: the length of the film.

    Neighbouring spans with the same frame are one. ``partial``: frames were left out because too much would have to be
    decoded. ``truncated``: the file ends early.
    """

    seconds: float
    frames: tuple[tuple[SpreadFrame, ...], ...]
    partial: bool = False
    truncated: bool = False


def span(number: int, count: int, seconds: float) -> tuple[float, float]:
    """Where the span ``number`` (from 0) of ``count`` begins and ends, in seconds. The last one ends with the film."""
    return seconds * (number / count), seconds * ((number + 1) / count)


def spread_frames(path: Path, wishes: Sequence[Spans], *, mime: str | None = None, beat: Callable[[], None]) -> Spread:
    """Frames of the largest video track for each wish; what is found for one does not depend on the others.

    ``beat`` is called after each part of the work. ``mime``: as of ``representative_frame``. Raises ItemError:
    unsupported without a video track or decoder, missing_tool if only this FFmpeg lacks the decoder, corrupt if no
    frame can be decoded.
    """
    for sought in (_Reckoned, _Sought):
        with contextlib.suppress(_CannotSeekError), opened(path, mime) as container:
            track = _track(container)
            return _spread(container, track, sought(container, track), wishes, beat)
    with opened(path, mime) as container:
        track = _track(container)
        return _spread(container, track, _Scanned(path, mime, container, track, beat), wishes, beat)


class _CannotSeekError(Exception):
    """The file does not lead to the places that it claims to have."""


def _track(container: av.container.InputContainer) -> av.VideoStream:
    return decodable(container, tracks_by_size(container))[0]


# places in the film ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Key:
    """A key frame: what leads to it, and when it is shown, in seconds from the start of the file."""

    place: int
    time: float


class _Times:
    """The times of packets and frames of a track, in seconds from the start of the file as players show it."""

    def __init__(self, container: av.container.InputContainer, track: av.VideoStream) -> None:
        # PyAV's types do not say that these may be unknown.
        start: Any = container.start_time
        own: Any = track.start_time
        self._base = float(track.time_base or 1)
        self._bases = {stream.index: float(stream.time_base or 1) for stream in container.streams}
        self._start = start / 1_000_000 if start is not None else (own or 0) * self._base
        rate = track.average_rate or track.guessed_rate
        self.rate = min(max(float(rate), _RATES[0]), _RATES[1]) if rate else _DEFAULT_RATE

    def of(self, packet: av.Packet[Any]) -> float | None:
        """When a packet is shown, or, where its file says only that, decoded."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else stamp * self._base_of(packet) - self._start

    def length_of(self, packet: av.Packet[Any]) -> float:
        """How long a packet is shown; as long as a frame where its file does not say that."""
        return (packet.duration or 0) * self._base_of(packet) or 1 / self.rate

    def end_of(self, packets: Iterable[av.Packet[Any]]) -> float:
        """When all of these have been shown; 0.0 without any."""
        times = ((self.of(packet), packet) for packet in packets)
        return max((time + self.length_of(packet) for time, packet in times if time is not None), default=0.0)

    def _base_of(self, packet: av.Packet[Any]) -> float:
        # Fractions, which packets have, take longer than all the rest of reading them.
        base = self._bases.get(packet.stream_index)
        return float(packet.time_base) if base is None else base

    def of_frame(self, frame: av.VideoFrame) -> float | None:
        # Frames that the end of the packets brings out have no unit of their own.
        base = float(frame.time_base) if frame.time_base else self._base
        return None if frame.pts is None else frame.pts * base - self._start

    def stamp(self, seconds: float) -> int:
        """The time stamp of a moment."""
        return round((seconds + self._start) / self._base)


class _Reckoned:
    """Key frames of a stream without an index, by their bytes. Places are positions from which a key frame is the next.

    Raises _CannotSeekError where another way is the better one: there is an index, all frames of the film are wanted,
    the time does not go on with the bytes, or key frames are rarer than the spans.
    """

    truncated = False

    def __init__(self, container: av.container.InputContainer, track: av.VideoStream) -> None:
        if container.format.name != _STREAM:
            raise _CannotSeekError
        self._size = container.size
        self._container, self._track = container, track
        self._times = _Times(container, track)
        self.seconds = self._end()
        if self.seconds * _pixels_a_second(track, self._times) <= FEW_PIXELS:
            raise _CannotSeekError
        self._first = self._from(0)

    def key(self, moment: float, end: float) -> _Key:
        """A key frame in the span that has this middle and end."""
        if moment <= self._first.time:
            return self._first
        low, high = self._first, _Key(self._size, self.seconds)
        for _ in range(_GUESSES):
            share = (moment - low.time) / max(high.time - low.time, 1e-3)
            found = self._from(low.place + int((high.place - low.place) * min(max(share, 0.0), 1.0)))
            if 2 * moment - end <= found.time < end:
                return found
            if not low.time <= found.time <= high.time:
                break
            low, high = (found, high) if found.time < moment else (low, found)
        raise _CannotSeekError

    def packets(self, key: _Key, until: _Key | None) -> Iterator[av.Packet[Any]]:
        """The packets from a key frame on."""
        return _from_key(self._read_from(key.place))

    def _from(self, place: int) -> _Key:
        """The first key frame that is reached from a place."""
        for packet in self._read_from(place):
            time = self._times.of(packet)
            if packet.is_keyframe and time is not None:
                return _Key(place, time)
            if packet.pos is not None and packet.pos - place > max(self._size * _FAR, _LEAST_TAIL):
                break
        raise _CannotSeekError

    def _end(self) -> float:
        """When the last packet of the file has been shown."""
        tail = _LEAST_TAIL
        while True:
            self._seek(max(0, self._size - tail))
            end = self._times.end_of(_all_packets(self._container))
            if end:
                return end
            if tail >= self._size:
                raise _CannotSeekError
            tail *= 4

    def _read_from(self, place: int) -> Iterator[av.Packet[Any]]:
        self._seek(place)
        return _readable(packets_of(self._container, self._track))

    def _seek(self, place: int) -> None:
        import av

        try:
            self._container.seek(place, unsupported_byte_offset=True)
        except (av.error.FFmpegError, OverflowError) as error:
            raise _CannotSeekError from error


class _Sought:
    """Key frames by seeking. Places are time stamps to seek to. Raises _CannotSeekError where that leads elsewhere."""

    truncated = False

    def __init__(self, container: av.container.InputContainer, track: av.VideoStream) -> None:
        self._container, self._track = container, track
        self._times = _Times(container, track)
        self.seconds = max(0, container.duration or 0) / 1_000_000
        if not self.seconds and container.format.name.startswith(_LEARNS):
            self._seek(_LAST)
            self.seconds = self._times.end_of(_all_packets(container))
        if not self.seconds:
            raise _CannotSeekError
        self._first = self._at(0.0)
        last = self._at(self.seconds * (1 - 1e-6))
        if _ends_early(last.time, self.seconds) and _ends_early(self._end(), self.seconds):
            raise _CannotSeekError

    def key(self, moment: float, end: float) -> _Key:
        """The key frame from which the frame at a moment is decoded. ``end``: of the moment's span."""
        if moment <= self._first.time:
            return self._first
        key = self._at(moment)
        if key.time >= end and key.time > self._first.time:
            raise _CannotSeekError
        return key

    def packets(self, key: _Key, until: _Key | None) -> Iterator[av.Packet[Any]]:
        """The packets from a key frame on, at least those before the key frame ``until``."""
        self._seek(key.place)
        return _from_key(_readable(packets_of(self._container, self._track)))

    def _at(self, moment: float) -> _Key:
        stamp = self._times.stamp(moment)
        self._seek(stamp)
        for packet in _readable(packets_of(self._container, self._track)):
            if packet.is_keyframe:
                time = self._times.of(packet)
                if time is None:
                    break
                return _Key(stamp, time)
        raise _CannotSeekError

    def _end(self) -> float:
        """When the last packet from here on is shown, of any track."""
        return max((self._times.of(packet) or 0.0 for packet in _all_packets(self._container)), default=0.0)

    def _seek(self, stamp: int) -> None:
        import av

        try:
            self._container.seek(stamp, stream=self._track)
        except (av.error.FFmpegError, OverflowError) as error:
            raise _CannotSeekError from error


class _Scanned:
    """Key frames by reading all that there is. Places are numbers of packets of the track."""

    def __init__(
        self,
        path: Path,
        mime: str | None,
        container: av.container.InputContainer,
        track: av.VideoStream,
        beat: Callable[[], None],
    ) -> None:
        times = _Times(container, track)
        self._keys: list[_Key] = []
        self.seconds, number = 0.0, 0
        with opened(path, mime) as scanned:
            for packet in _all_packets(scanned):
                time = times.of(packet)
                if packet.stream_index == track.index:
                    time = number / times.rate if time is None else time
                    if packet.is_keyframe or not number:
                        self._keys.append(_Key(number, time))
                    number += 1
                    if number % _BEAT_PACKETS == 0:
                        beat()
                if time is not None:
                    self.seconds = max(self.seconds, time + times.length_of(packet))
        if not self._keys:
            raise ItemError(ErrorClass.CORRUPT, "no picture could be read from the video track")
        said: Any = container.duration
        is_sure = container.format.name.startswith(_SAYS_LENGTH)
        self.truncated = bool(said and is_sure) and _ends_early(self.seconds, said / 1_000_000)
        self._packets = enumerate(_readable(packets_of(container, track)))
        self._ahead: tuple[int, av.Packet[Any]] | None = None

    def key(self, moment: float, end: float) -> _Key:
        """The key frame from which the frame at a moment is decoded; the first where there is none before it."""
        return max((key for key in self._keys if key.time <= moment), key=_place, default=self._keys[0])

    def packets(self, key: _Key, until: _Key | None) -> Iterator[av.Packet[Any]]:
        """The packets from a key frame on, before the next one that is asked for: none is read twice."""
        while (numbered := self._ahead or next(self._packets, None)) is not None:
            self._ahead = None
            number, packet = numbered
            if until is not None and number >= until.place:
                self._ahead = numbered
                return
            if number >= key.place:
                yield packet


def _from_key(packets: Iterator[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
    """The packets from the first key frame on."""
    return itertools.dropwhile(lambda packet: not packet.is_keyframe, packets)


def _ends_early(end: float, said: float) -> bool:
    return end < min(_SHORT * said, said - _TOLERANCE_S)


def _place(key: _Key) -> int:
    return key.place


def _readable(packets: Iterator[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
    """The packets up to where the file is too damaged to find another, without the empty one that marks the end."""
    import av

    with contextlib.suppress(av.error.FFmpegError):
        yield from (packet for packet in packets if packet.size)


def _all_packets(container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
    """The packets of all tracks that the beginning of the file knows."""

    def packets() -> Iterator[av.Packet[Any]]:
        while True:
            try:
                yield from container.demux()
                return
            except IndexError:
                continue

    return _readable(packets())


# frames ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A span of a wish: the numbers of both, from 0, and its middle in seconds."""

    wish: int
    number: int
    moment: float


@dataclass(slots=True)
class _Group:
    """All spans whose frames come from one key frame: those that it stands for, and those whose middle is reached by
    decoding on from it, in order of time."""

    key: _Key
    shown: list[_Place] = field(default_factory=list)
    later: list[_Place] = field(default_factory=list)


_Found = dict[tuple[int, int], tuple[float, FilmFrame]]
"""(wish, span) -> when its frame is shown, and the frame."""


def _spread(
    container: av.container.InputContainer,
    track: av.VideoStream,
    keys: _Reckoned | _Sought | _Scanned,
    wishes: Sequence[Spans],
    beat: Callable[[], None],
) -> Spread:
    """All wishes by one pass over the film. Raises ItemError if no frame can be decoded."""
    times = _Times(container, track)
    groups, partial = _plan(keys, wishes, times, track)
    decoder = decoder_of(track)
    if not decoder.is_open and not any(group.later for group in groups):
        # Threads that decode several frames at once are of no use to single ones.
        decoder.thread_type = "SLICE"
    aspect = aspect_of(track)
    found: _Found = {}
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        packets = keys.packets(group.key, following.key if following else None)
        for places, time, frame in _of_group(packets, group, decoder, times, beat):
            for side in {wishes[place.wish].side for place in places}:
                picture = finished(frame, aspect, side, hdr_side=side)
                found |= {
                    (place.wish, place.number): (time, picture) for place in places if wishes[place.wish].side == side
                }
        beat()
    if not found:
        raise ItemError(ErrorClass.CORRUPT, "no picture could be decoded from the video track")
    frames = tuple(_joined(number, wish.count, keys.seconds, found) for number, wish in enumerate(wishes))
    return Spread(seconds=keys.seconds, frames=frames, partial=partial, truncated=keys.truncated)


def _plan(
    keys: _Reckoned | _Sought | _Scanned, wishes: Sequence[Spans], times: _Times, track: av.VideoStream
) -> tuple[list[_Group], bool]:
    """The spans by their key frames, in order of time, and whether some are left to a key frame far from them."""
    pixels = _pixels_a_second(track, times)
    groups: dict[float, _Group] = {}
    partial = False
    for wish, spans in enumerate(wishes):
        planned, left = _plan_wish(keys, wish, spans.count, pixels)
        partial = partial or left
        for group in planned:
            whole = groups.setdefault(group.key.time, _Group(group.key))
            whole.shown += group.shown
            whole.later += group.later
    for group in groups.values():
        group.later.sort(key=lambda place: place.moment)
    return sorted(groups.values(), key=lambda group: group.key.time), partial


def _pixels_a_second(track: av.VideoStream, times: _Times) -> float:
    return max(1, track.codec_context.width * track.codec_context.height) * times.rate


def _plan_wish(
    keys: _Reckoned | _Sought | _Scanned, wish: int, count: int, pixels: float
) -> tuple[Sequence[_Group], bool]:
    """The same for one wish. ``pixels``: of a second of the film.

    A short film is decoded whole, for the very frames. Otherwise a key frame stands for its span; where spans have
    none, and key frames are so few that the sheet would be poor, frames after them are decoded, if that can be done.
    """
    is_short = keys.seconds * pixels <= FEW_PIXELS
    groups: dict[float, _Group] = {}
    for number in range(count):
        start, end = span(number, count, keys.seconds)
        place = _Place(wish, number, (start + end) / 2)
        key = keys.key(place.moment, end)
        group = groups.setdefault(key.time, _Group(key))
        (group.later if is_short or key.time < start else group.shown).append(place)
    if is_short:
        return list(groups.values()), False
    between = sum(group.later[-1].moment - time for time, group in groups.items() if group.later)
    are_rare = len(groups) < count * _ENOUGH_KEYS
    if between and not (are_rare and between * pixels <= MOST_PIXELS):
        for group in groups.values():
            group.shown += group.later
            group.later = []
        return list(groups.values()), are_rare
    return list(groups.values()), False


def _of_group(
    packets: Iterator[av.Packet[Any]],
    group: _Group,
    decoder: av.VideoCodecContext,
    times: _Times,
    beat: Callable[[], None],
) -> Iterator[tuple[list[_Place], float, av.VideoFrame]]:
    """The frames of a group, each with the spans that it is for and when it is shown."""
    frames = _frames(packets, decoder, single=not group.later, beat=beat)
    later = list(group.later)
    before: tuple[float, av.VideoFrame] | None = None
    for number, frame in enumerate(frames):
        stamped = times.of_frame(frame)
        time = group.key.time + number / times.rate if stamped is None else stamped
        if before is None:
            if group.shown:
                yield group.shown, max(0.0, time), frame
        else:
            # What is shown at a moment is the last frame that began before it.
            due = [place for place in later if place.moment < time]
            if due:
                yield due, max(0.0, before[0]), before[1]
                later = later[len(due) :]
        before = time, frame
        if not later:
            return
    if before is not None:
        # The pictures end before the film does: the last one stays.
        yield later, max(0.0, before[0]), before[1]


def _frames(
    packets: Iterator[av.Packet[Any]], decoder: av.VideoCodecContext, *, single: bool, beat: Callable[[], None]
) -> Iterator[av.VideoFrame]:
    """The frames of packets from a key frame on. ``single``: only the first, from as few packets as will do."""
    if decoder.is_open:
        decoder.flush_buffers()
    for number, packet in enumerate(packets):
        frames = _decode(decoder, packet)
        if single and not frames:
            # The decoder waits for what may have to be shown before; that is told by the end alone.
            frames = _decode(decoder, None)
            decoder.flush_buffers()
        yield from frames
        if single and (frames or number >= _FEED):
            return
        if number % _BEAT_PACKETS == _BEAT_PACKETS - 1:
            beat()
    yield from _decode(decoder, None)


def _decode(decoder: av.VideoCodecContext, packet: av.Packet[Any] | None) -> list[av.VideoFrame]:
    """The frames that a packet (None: the end) brings out; none if it is damaged."""
    import av

    try:
        return decoder.decode(packet)
    except av.error.FFmpegError:
        return []


def _joined(wish: int, count: int, seconds: float, found: _Found) -> tuple[SpreadFrame, ...]:
    """The frames of a wish. A span whose frame could not be decoded is shown as the one before it, or after."""
    there = [(number, *found[wish, number]) for number in range(count) if (wish, number) in found]
    joined: list[SpreadFrame] = []
    for index, (number, time, frame) in enumerate(there):
        start = span(number, count, seconds)[0] if index else 0.0
        end = span(there[index + 1][0], count, seconds)[0] if index + 1 < len(there) else seconds
        if joined and joined[-1].time == time:
            joined[-1] = SpreadFrame(start=joined[-1].start, end=end, time=time, frame=joined[-1].frame)
        else:
            joined.append(SpreadFrame(start=start, end=end, time=time, frame=frame))
    return tuple(joined)
