"""What an engine of ours can open is never refused by the sniffer.

The formats of each engine are listed by the engine itself; what is left out on purpose is named here with the reason,
so that a format that a new version of an engine brings is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
import pi_heif
import pytest
from av.audio.resampler import AudioResampler
from av.format import ContainerFormat, formats_available
from PIL import Image

import pillion
from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.model import UNKNOWN
from pillion.readers.documents import table
from pillion.readers.images import heif, pillow, xpm
from pillion.readers.media.demuxers import ALLOWED, BY_TYPE
from pillion.readers.media.opening import opened

# FFmpeg --------------------------------------------------------------------------------------------------------------

LEFT_OUT: Mapping[str, str] = {
    "devices of the machine, and networks": "alsa fbdev kmsgrab lavfi msnwctcp oss rtp rtsp sap sdp video4linux2,v4l2"
    " x11grab jack pulse libcdio libdc1394 iec61883 xcbgrab android_camera avfoundation dshow gdigrab vfwcap openal",
    "lists of other files, which are never opened": "concat hls webm_dash_manifest dash imf image2 image2pipe",
    "no header says how fast or how large it is": "f32be f32le f64be f64le s16be s16le s24be s24le s32be s32le s8 u16be"
    " u16le u24be u24le u32be u32le u8 alaw mulaw vidc rawvideo bitpacked v210x g726 g726le data codec2raw",
    "one picture: the engines for pictures read it": "alias_pix brender_pix apng bmp_pipe cri_pipe dds_pipe dpx_pipe"
    " exr_pipe fits gem_pipe gif_pipe hdr_pipe ico j2k_pipe jpeg_pipe jpegls_pipe jpegxl_pipe jpegxs_pipe msp pam_pipe"
    " pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe pictor_pipe png_pipe ppm_pipe"
    " psd_pipe qdraw_pipe qoi_pipe sgi_pipe sunrast_pipe svg_pipe tiff_pipe vbn_pipe webp_pipe xbm_pipe xpm_pipe"
    " xwd_pipe jpegxl_anim gif mjpeg_2000",
    "text: read as text": "ass ffmetadata jacosub lrc microdvd srt tedcaptions scc mcc webvtt mpl2 mpsub pjs aqtitle"
    " realtext sami sbg stl subviewer subviewer1 vobsub vplayer tty bin xbin adf idf",
    "captions and teletext without a picture or a sound": "dvbsub dvbtxt rcwt sup",
    "rare, and neither a mark nor an ending of its own": "act ace amrnb amrwb apm argo_asf argo_brp argo_cvg boa c93"
    " dcstr dsicin frm hcom idcin iv8 lmlm4 luodat mgsts mm mpegtsraw mtv nc bit pp_bnk s337m scd sol"
    " tiertexseq vmd vpk ingenient derf",
}
"""Reason -> demuxers."""

MARKS: Mapping[str, bytes] = {
    "4xm": b"RIFF\0\0\0\x014XMV",
    "aiff": b"FORM\0\0\0\x01AIFF",
    "alp": b"ALP \x08\0\0\0",
    "amr": b"#!AMR\n\x3c",
    "anm": b"LPF \0\x01",
    "apc": b"CRYO_APC1.20",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    "asf_o": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    "au": b".snd\0\0\0\x18",
    "avs": b"wW\x10\0\x01",
    "bethsoftvid": b"VID\0\x02",
    "bfi": b"BF&I\x01\x02",
    "bink": b"BIKi\x01\x02\x03\x04",
    "caf": b"caff\0\x01\0\0",
    "cine": b"CI\x2c\0\x01\0",
    "dfa": b"DFIA\0\0\x80\0",
    "dirac": b"BBCD\0\0\0\0",
    "dnxhd": b"\0\0\x02\x80\x01\0",
    "dsf": b"DSD \x1c\0\0\0",
    "dxa": b"DEXA\0\x01",
    "ea": b"SCHl\x20\0\0\0",
    "film_cpk": b"FILM\0\0\x01\0",
    "flic": b"\0\x10\0\0\x12\xaf\x10\0\x40\x01\xc8\0\x08\0",
    "gdv": b"\x94\x19\x11\x29\0\0",
    "gxf": b"\0\0\0\0\x01\xbc\0\0",
    "hnm": b"HNM4\0\0",
    "iff": b"FORM\0\0\0\x018SVX",
    "ilbc": b"#!iLBC30\n\xff",
    "ipmovie": b"Interplay MVE File\x1a\0\x1a\0",
    "iss": b"IMA_ADPCM_Sound ",
    "ivf": b"DKIF\0\0\x20\0",
    "jv": b"JV00 Compression by John M Phillips\0\1",
    "kvag": b"KVAG\0\0\x01\0",
    "lxf": b"LEITCH\0\0",
    "mlv": b"MLVI\x34\0\0\0",
    "mmf": b"MMMD\0\0\x01\0",
    "mpc8": b"MPCKSH\x0e\0",
    "mv": b"MOVI\0\x01",
    "mxf": b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\0",
    "nsv": b"NSVf\x10\0\0\0",
    "nuv": b"NuppelVideo\0",
    "paf": b"Packed Animation File V1.0\n(c) 1992\0",
    "pmp": b"pmpm\x01\0\0\0",
    "psxstr": b"RIFF\0\0\0\x01CDXA",
    "pva": b"AV\x01\0\x55\0",
    "qcp": b"RIFF\0\0\0\x01QLCM",
    "r3d": b"\0\0\x01\0RED1",
    "rl2": b"FORM\0\0\0\x01RLV2",
    "rm": b".RMF\0\0\0\x12",
    "roq": b"\x84\x10\xff\xff\xff\xff\x1e\0",
    "rpl": b"ARMovie\n\0\1\2",
    "smk": b"SMK2\0\1",
    "smush": b"ANIM\0\0\1\0",
    "sox": b".SoX\x1c\0\0\0",
    "spdif": b"\x72\xf8\x1f\x4e\x01\0",
    "swf": b"FWS\x06\0\1",
    "thp": b"THP\0\0\1",
    "tmv": b"TMAV\0\1",
    "vividas": b"vividas03\0\1",
    "voc": b"Creative Voice File\x1a\x1a\0",
    "w64": b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
    "wav": b"RIFF\0\0\0\x01WAVE",
    "wc3movie": b"FORM\0\0\0\x01MOVE",
    "wsvqa": b"FORM\0\0\0\x01WVQA",
    "wtv": b"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e\0\x07\xe9\x5e\xad\x8d",
    "wv": b"wvpk\0\1",
    "wve": b"ALawSoundFile**\0",
    "xa": b"XAI\0\0\1",
    "xwma": b"RIFF\0\0\0\x01XWMA",
}
"""Demuxers without an ending of their own -> how their files begin."""

BY_NAME = {"h263": "h263", "txd": "txd", "wsaud": "aud"}
BY_FRAMES = frozenset(["loas", "mpeg", "mpegts", "mpegvideo"])
"""Known by several frames; the samples that FFmpeg writes are tried below, and Rust's tests have others."""

ENDINGS_LEFT_OUT: Mapping[str, str] = {
    "too common for other things": "ans art asc bit cgi dat diz ice mac nfo txt v vb vpk vt yuv cif qcif",
    "no header says how fast it is": "al sb sw ub ul uw yuv10 bitpacked",
    "read as text": "aqt idx mcc mpl2 pjs rt sami sbg scc smi stl sub vtt webvtt adf idf",
    "captions without a picture": "sup",
}


def left_out(table: Mapping[str, str]) -> set[str]:
    return {name for names in table.values() for name in names.split()}


def demuxers() -> list[ContainerFormat]:
    found = []
    for name in sorted(formats_available):
        try:
            found.append(ContainerFormat(name, "r"))
        except ValueError:
            continue
    return found


def is_media(mime: str | None) -> bool:
    return mime is not None and _core.media_class(mime) in ("audio", "video", "image")


def test_every_demuxer_is_let_through_by_a_name_or_a_mark() -> None:
    known = left_out(LEFT_OUT) | set(MARKS) | set(BY_NAME) | BY_FRAMES
    nameless = [item.name for item in demuxers() if not item.extensions]
    unknown = [name for name in nameless if not known & {name, *name.split(",")}]
    assert not unknown, "add a mark, an ending, or a reason"


def test_ffmpeg_may_use_the_demuxers_that_are_let_through_and_no_other() -> None:
    names = aliases()
    refused = {name for name, aliases in names.items() if not aliases & ALLOWED}
    assert refused == {name for name, aliases in names.items() if aliases & left_out(LEFT_OUT)}


def aliases() -> dict[str, set[str]]:
    """Name of a demuxer -> all names of it: FFmpeg lists it under each."""
    found: dict[tuple[str, frozenset[str]], set[str]] = {}
    for item in demuxers():
        found.setdefault((item.long_name, frozenset(item.extensions)), set()).update({item.name, *item.name.split(",")})
    return {item.name: found[item.long_name, frozenset(item.extensions)] for item in demuxers()}


def test_a_type_that_a_demuxer_is_let_through_as_is_read_by_it() -> None:
    for item in demuxers():
        names = aliases()[item.name]
        if not names & ALLOWED:
            continue
        endings = item.extensions - left_out(ENDINGS_LEFT_OUT) | {BY_NAME[name] for name in names if name in BY_NAME}
        claimed = {_core.claimed_type(b"a." + ending.encode()) for ending in endings}
        marked = {_core.sniff(MARKS[name] + bytes(range(1, 32)) * 4) for name in names if name in MARKS}
        for mime in claimed | marked - {UNKNOWN}:
            if mime is not None and _core.media_class(mime) in ("audio", "video"):
                assert names & set(BY_TYPE[mime]), (item.name, mime)


def test_types_of_sound_and_film_have_a_demuxer() -> None:
    without = {"audio/midi"}
    mimes = {_core.mime_from_name(f"a.{ending}".encode()) for item in demuxers() for ending in item.extensions}
    films = {mime for mime in mimes if _core.media_class(mime) in ("audio", "video")}
    assert films - without <= set(BY_TYPE)


def test_every_ending_of_a_demuxer_is_let_through() -> None:
    skipped = left_out(ENDINGS_LEFT_OUT)
    refused = {
        ending
        for item in demuxers()
        for ending in item.extensions
        if ending not in skipped and not is_media(_core.claimed_type(b"a." + ending.encode()))
    }
    # MXF and its like have marks that none of them lacks.
    assert {ending for ending in refused if not is_media(_core.mime_from_name(b"a." + ending.encode()))} == set()


@pytest.mark.parametrize("name", sorted(MARKS))
def test_a_mark_is_enough(name: str) -> None:
    head = MARKS[name] + bytes(range(1, 32)) * 4
    assert is_media(_core.sniff(head)), _core.sniff(head)


def test_adx_of_another_coding_never_comes_to_ffmpeg_which_would_divide_by_zero() -> None:
    head = bytes.fromhex("8000 0020 03120402 0000ac44 00005640 01f40300") + bytes(10) + b"(c)CRI" + bytes(40)
    assert _core.sniff(head) == "audio/x-adx"
    # The coding, the length and the bits of a block, channels, and who made it.
    for place, other in ((4, 2), (5, 0x16), (6, 0x0C), (7, 0), (7, 10), (35, 0x59)):
        assert _core.sniff(head[:place] + bytes([other]) + head[place + 1 :]) == UNKNOWN
    assert _core.claimed_type(b"a.adx") is None


SOUNDS: Mapping[str, tuple[str, int]] = {
    "ac3": ("ac3", 48000),
    "adts": ("aac", 44100),
    "adx": ("adpcm_adx", 44100),
    "aiff": ("pcm_s16be", 44100),
    "amr": ("amr_nb", 8000),
    "aptx": ("aptx", 44100),
    "aptx_hd": ("aptx_hd", 44100),
    "au": ("pcm_s16be", 44100),
    "caf": ("pcm_s16le", 44100),
    "dfpwm": ("dfpwm", 48000),
    "eac3": ("eac3", 48000),
    "flac": ("flac", 44100),
    "g722": ("g722", 16000),
    "ircam": ("pcm_s16le", 44100),
    "latm": ("aac", 44100),
    "mp2": ("mp2", 44100),
    "nut": ("flac", 44100),
    "oga": ("flac", 44100),
    "rm": ("ac3", 44100),
    "sbc": ("sbc", 44100),
    "spdif": ("ac3", 48000),
    "swf": ("libmp3lame", 44100),
    "tta": ("tta", 44100),
    "voc": ("pcm_s16le", 44100),
    "w64": ("pcm_s16le", 44100),
    "wav": ("pcm_s16le", 44100),
    "wv": ("wavpack", 44100),
}
FILMS: Mapping[str, str] = {
    "avi": "mpeg4",
    "dv": "dvvideo",
    "dvd": "mpeg2video",
    "film_cpk": "cinepak",
    "flv": "flv",
    "gxf": "dvvideo",
    "h261": "h261",
    "h263": "h263",
    "h264": "libx264",
    "hevc": "libx265",
    "ivf": "libvpx",
    "m4v": "mpeg4",
    "matroska": "mpeg4",
    "mjpeg": "mjpeg",
    "mov": "mpeg4",
    "mpeg": "mpeg1video",
    "mpeg2video": "mpeg2video",
    "mpegts": "mpeg2video",
    "mxf": "mpeg2video",
    "smjpeg": "mjpeg",
    "vcd": "mpeg1video",
    "wtv": "mpeg2video",
    "yuv4mpegpipe": "rawvideo",
}
BY_NAME_ONLY = frozenset(["aptx", "aptx_hd", "dfpwm", "g722", "sbc", "h261", "h263"])
"""Bare streams without a mark, so the ending of the name must say what they are."""


CONTAINERS = frozenset(["nut", "rm", "swf"])
"""For films too, so sound alone in them is not told by the first bytes."""


def write_sound(path: Path, muxer: str, codec: str, rate: int) -> None:
    mono = codec in ("amr_nb", "g722")
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono" if mono else "stereo")
        assert isinstance(stream, av.AudioStream)
        wave = (np.sin(np.arange(rate // 2 * (1 if mono else 2)) / 20) * 9000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis], format="s16", layout="mono" if mono else "stereo")
        frame.rate, frame.pts = rate, 0
        size = stream.codec_context.frame_size or 1024
        cut = AudioResampler(format=stream.format, layout=stream.layout, rate=rate, frame_size=size)
        for part in [*cut.resample(frame), *cut.resample(None), None]:
            container.mux(stream.encode(part))


def write_film(path: Path, muxer: str, codec: str) -> None:
    sizes = {"dvvideo": (720, 576), "h261": (352, 288), "h263": (352, 288)}
    pixels = {"mjpeg": "yuvj420p", "cinepak": "rgb24"}
    options: dict[str, Any] = {"options": {"x265-params": "log-level=none"}} if codec == "libx265" else {}
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=25, **options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = sizes.get(codec, (160, 128))
        stream.pix_fmt = pixels.get(codec, "yuv420p")
        rows = np.add.outer(np.arange(stream.height), np.arange(stream.width))
        for number in range(6):
            picture = np.stack([(rows * 2 + 9 * number) % 256, rows % 256, rows // 2 % 256], -1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("muxer", [*SOUNDS, *FILMS])
def test_what_ffmpeg_writes_is_recognised(muxer: str, tmp_path: Path) -> None:
    form = ContainerFormat(muxer, "w")
    ending = sorted(form.extensions)[0] if form.extensions else muxer
    path = tmp_path / f"a.{ending}"
    av.logging.set_level(av.logging.PANIC)
    if muxer in SOUNDS:
        write_sound(path, muxer, *SOUNDS[muxer])
    else:
        write_film(path, muxer, FILMS[muxer])
    head = path.read_bytes()[: 1 << 16]
    unnamed = _core.sniff(head)
    if muxer == "mjpeg":
        assert (unnamed, _taken_for(path)) == ("image/jpeg", "video/x-mjpeg")
    elif muxer in BY_NAME_ONLY:
        assert unnamed == UNKNOWN
        assert is_media(_core.claimed_type(path.name.encode()))
    else:
        assert _core.media_class(unnamed) == ("audio" if muxer in SOUNDS and muxer not in CONTAINERS else "video")
    assert is_media(_taken_for(path))
    with opened(path) as container:
        assert any(stream.type in ("audio", "video") for stream in container.streams)


@pytest.mark.parametrize("name", ["a", "a.bin", "a.txt", "a.png", "a.m3u8"])
def test_what_is_no_medium_by_its_type_never_comes_to_ffmpeg(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    write_sound(path, "aptx", *SOUNDS["aptx"])  # which the first bytes do not give away
    monkeypatch.setattr(av, "open", None)
    with pytest.raises(ItemError) as caught, opened(path):
        pass
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


@pytest.mark.parametrize("muxer", ["h261", "h263", "aptx", "sbc"])
def test_a_name_that_claims_another_medium_is_not_taken_for_what_ffmpeg_guesses(muxer: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    if muxer in SOUNDS:
        write_sound(path, muxer, *SOUNDS[muxer])
    else:
        write_film(path, muxer, FILMS[muxer])
    with pytest.raises(ItemError, match="its name says video/mp4") as caught, opened(path):
        pass
    assert caught.value.error_class is ErrorClass.CORRUPT


def test_a_film_is_read_as_what_its_bytes_say(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    write_film(path, "matroska", "mpeg4")
    with opened(path) as container:
        assert container.format.name.startswith("matroska")


def _taken_for(path: Path) -> str:
    mime = _core.sniff_file(path)
    return _core.claimed_type(path.name.encode()) or mime if mime == UNKNOWN else mime


# pictures ------------------------------------------------------------------------------------------------------------

PILLOW_LEFT_OUT: Mapping[str, str] = {
    "data for which Pillow has no decoder of its own": "BUFR GRIB HDF5 WMF",
    "runs Ghostscript": "EPS",
    "goes with Pillow 15": "IM",
    "needs another library": "MIC FPX",
    "no mark, and no ending of its own": "IMT MCIDAS SPIDER XVTHUMB IPTC",
    "film: FFmpeg reads it": "FLI MPEG",
}


def test_every_format_of_pillow_is_let_through() -> None:
    Image.init()
    endings: dict[str, set[str]] = {}
    for ending, name in Image.registered_extensions().items():
        endings.setdefault(name, set()).add(ending)
    # .fit is what sports watches write, .pfm has no colours that could be shown as they are, .hdf is no picture.
    skipped = {".fit", ".pfm", ".hdf"}
    for name in set(Image.OPEN) - left_out(PILLOW_LEFT_OUT):
        for ending in endings.get(name, set()) - skipped:
            assert _core.media_class(_core.mime_from_name(f"a{ending}".encode())) == "image", (name, ending)


@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        ("c DimGray", (105, 105, 105, 255)),
        ("c gray50", (127, 127, 127, 255)),
        ("c grey39", (99, 99, 99, 255)),
        ("c Light Goldenrod", (238, 221, 130, 255)),
        ("c brown1", (255, 64, 64, 255)),
        ("c #F80", (255, 136, 0, 255)),
        ("c #FFFF80000000", (255, 128, 0, 255)),
        ("m white c none s back", (0, 0, 0, 0)),
        ("s c m white g gray75", (191, 191, 191, 255)),
        ("c nobody's colour", (0, 0, 0, 0)),
    ],
)
def test_colours_of_xpm(colour: str, wanted: tuple[int, ...]) -> None:
    source = f'/* XPM */\nstatic char *x[] = {{ /* "sizes" */ "2 1 2 2",\n"ab\t{colour}", "  c None",\n"ab  "\n}};\n'
    pixels = pillion.decode(source.encode())
    assert [tuple(pixel) for pixel in pixels[0].tolist()] == [wanted, (0, 0, 0, 0)]


@pytest.mark.parametrize(
    "strings",
    [
        [],
        ["2 1"],
        ["2 1 1 -1", "a c red", "aa"],
        ["2 2 1 1", "a c red", "aa"],
        ["2 1 1 1", "a c red", "a"],
        ["2 1 1 1", "a c red", "ab"],
        ["2 1 99999999 1", "a c red", "aa"],
    ],
)
def test_a_damaged_xpm_is_said_to_be(strings: list[str]) -> None:
    listed = ", ".join(f'"{string}"' for string in strings)
    with pytest.raises(ItemError, match="XPM picture is damaged") as error:
        pillion.decode(f"/* XPM */ static char *x[] = {{{listed}}};".encode())
    assert error.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize("ending", ["blp", "msp", "xbm", "xpm", "fits", "gbr", "dcx"])
def test_rare_pictures_are_read(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    picture = Image.new("L", (32, 16), 255)
    picture.paste(0, (0, 0, 16, 16))
    if ending == "xpm":
        rows = ",\n".join(f'"{"a" * 16}{"b" * 16}"' for _ in range(16))
        path.write_text(
            f'/* XPM */\nstatic char *x[] = {{\n"32 16 2 1",\n"a c #000000",\n"b c #FFFFFF",\n{rows}\n}};\n'
        )
    elif ending == "fits":
        cards = ("SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2")
        sizes = ("NAXIS1  =                   32", "NAXIS2  =                   16", "END")
        head = "".join(card.ljust(80) for card in (*cards, *sizes)).ljust(2880)
        path.write_bytes(head.encode() + picture.tobytes().ljust(2880, b"\0"))
    elif ending == "gbr":
        numbers = (28 + 5, 2, 32, 16, 1)
        head = b"".join(number.to_bytes(4, "big") for number in numbers) + b"GIMP" + (10).to_bytes(4, "big")
        path.write_bytes(head + b"name\0" + picture.tobytes())
    elif ending == "dcx":
        picture.save(tmp_path / "a.pcx")
        offsets = (0x3ADE68B1, 12, 0)
        path.write_bytes(b"".join(n.to_bytes(4, "little") for n in offsets) + (tmp_path / "a.pcx").read_bytes())
    else:
        picture.convert("P" if ending == "blp" else "1").save(path)
    pixels = pillion.decode(path)
    assert pixels.shape[:2] == (16, 32)
    assert pixels[8, 2, :3].max() != pixels[8, 30, :3].max()
    unnamed = _core.sniff(path.read_bytes())
    assert unnamed in pillow.MIMES | xpm.MIMES


def test_every_ending_of_libheif_is_let_through() -> None:
    pi_heif.register_heif_opener()
    for ending in ("heic", "heif", "hif"):
        assert _core.mime_from_name(f"a.{ending}".encode()) in heif.MIMES


# documents -----------------------------------------------------------------------------------------------------------


DOCUMENTS = (
    "doc docm docx dot dotm dotx eml epub htm html msg odp ods odt potm potx ppsm ppsx ppt pptm pptx rtf txt"
    " xls xlsb xlsm xlsx xltm xltx"
)


@pytest.mark.parametrize("ending", DOCUMENTS.split())
def test_every_ending_of_documents_is_let_through(ending: str) -> None:
    assert table.engine_of(_core.mime_from_name(f"a.{ending}".encode())) is not None
