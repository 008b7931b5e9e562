"""Sound and film, by PyAV (FFmpeg in process): the only importer of ``av``.

``opening``: files and their tracks. ``sound``: a track as a bounded stream, with ``clock``, the times of the file.
``film``: the frame that stands for a video, in colours that the core knows. ``spread``: frames all over its length.
"""

from pillion.readers.media.clock import Clock
from pillion.readers.media.film import FilmFrame, representative_frame
from pillion.readers.media.opening import NAME, MediaInfo, missing, missing_decoders, missing_encoders, probe
from pillion.readers.media.sound import SAMPLE_RATE, AudioTrack, audio_blocks, audio_tracks
from pillion.readers.media.spread import Spans, Spread, SpreadFrame, span, spread_frames

__all__ = [
    "NAME",
    "SAMPLE_RATE",
    "AudioTrack",
    "Clock",
    "FilmFrame",
    "MediaInfo",
    "Spans",
    "Spread",
    "SpreadFrame",
    "audio_blocks",
    "audio_tracks",
    "missing",
    "missing_decoders",
    "missing_encoders",
    "probe",
    "representative_frame",
    "span",
    "spread_frames",
]
