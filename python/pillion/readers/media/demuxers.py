"""The demuxers of FFmpeg by the type of a file, which the core finds out: FFmpeg never chooses among all it has.

All of them hold their pictures and sound themselves. Not among them is what names other files, addresses or devices
(playlists as of HLS and DASH, concat, IMF, SDP, sequences of pictures, lavfi), what holds text or one picture (the
readers of documents and of pictures do that), and bare samples whose rate or size no header says.
"""

from collections.abc import Mapping

_NAMED_ALIKE = {
    "audio": (
        "aac ac4 aiff amr flac g722 g728 g729 iamf ilbc ogg wav x-aa x-aax x-acm x-adp x-ads x-adx x-aea x-afc"
        " x-aix x-alp x-ape x-aptx x-ast x-avr x-bfstm x-binka x-bonk x-brstm x-caf x-codec2 x-daud x-dfpwm x-dsf"
        " x-dss x-fsb x-fwse x-genh x-gsm x-hca x-ircam x-iss x-kvag x-laf x-lc3 x-matroska x-mca x-msf x-mtaf"
        " x-musx x-nsp x-oma x-osq x-pvf x-qoa x-rka x-rso x-sbc x-sdns x-sdr2 x-sds x-sdx x-sln x-sox x-spdif"
        " x-svag x-svs x-tak x-tta x-vag x-voc x-w64 x-wady x-wavarc x-wsaud x-wsd x-wve x-xa x-xmd x-xvag x-xwma"
    ),
    "video": (
        "dv h261 h263 ogg x-anm x-apv x-avs3 x-bfi x-bink x-bmv x-cdg x-cdxl x-cine x-dfa x-dhav x-dirac x-dnxhd"
        " x-dxa x-ea x-evc x-filmstrip x-flic x-gdv x-gxf x-hnm x-ifv x-ipu x-ivf x-jv x-lvf x-lxf x-matroska x-mlv"
        " x-mods x-moflex x-mvi x-nsv x-nut x-nuv x-paf x-pdv x-pmp x-pva x-r3d x-rl2 x-roq x-rpl x-ser x-sga"
        " x-siff x-smjpeg x-smush x-thp x-tmv x-txd x-usm x-v210 x-vividas x-vivo x-wtv x-xmv x-yop"
    ),
}
"""Types whose demuxer has the same name, without an ``x-``."""

_OTHERS = {
    "video/x-str": "3dostr",
    "audio/ac3": "ac3 eac3",
    "audio/amr-wb": "amr",
    "audio/x-apc": "apac apc",
    "audio/x-aptx-hd": "aptx_hd",
    "audio/x-ms-wma video/x-ms-asf video/x-ms-wmv": "asf asf_o",
    "audio/basic": "au",
    "video/x-obu": "av1 obu",
    "video/x-msvideo": "avi 4xm",
    "video/x-avs": "avs avs2 cavsvideo",
    "video/x-bethsoft": "bethsoftvid",
    "audio/vnd.dts": "dts dtshd",
    "audio/vnd.dts.hd": "dtshd dts",
    "video/x-ea-cdata": "ea_cdata",
    "audio/eac3": "eac3 ac3",
    "audio/x-paf": "epaf",
    "video/x-film-cpk": "film_cpk",
    "video/x-flv": "flv kux live_flv",
    "audio/g723": "g723_1",
    "video/h264": "h264 hxvs",
    "video/h265": "hevc hxvs",
    "audio/x-8svx audio/x-dff video/x-anim": "iff",
    "video/x-mve": "ipmovie",
    "audio/x-latm": "loas",
    "video/x-mpeg4-visual": "m4v",
    "audio/webm video/webm": "matroska",
    "video/x-mjpeg": "mjpeg mpjpeg smjpeg",
    "audio/vnd.dolby.mlp": "mlp truehd",
    "audio/x-smaf": "mmf",
    "audio/mp4 video/3gpp video/3gpp2 video/mp4 video/quicktime": "mov",
    "video/x-m4v": "mov m4v",
    "audio/mpeg": "mp3 aac",
    "audio/x-musepack": "mpc mpc8",
    "video/mpeg": "mpeg mpegvideo psxstr",
    "video/mp2t": "mpegts",
    "video/x-sgi-movie": "mv",
    "application/mxf": "mxf",
    "video/x-mxpeg": "mxg",
    "audio/x-nist": "nistsphere",
    "audio/qcelp": "qcp",
    "audio/x-rsd": "redspark rsd",
    "audio/vnd.rn-realaudio": "rm",
    "application/vnd.rn-realmedia": "rm ivr",
    "audio/x-shorten": "shn",
    "video/x-simbiosis": "simbiosis_imx",
    "video/x-smacker": "smk",
    "application/vnd.adobe.flash.movie": "swf",
    "video/x-tivo": "ty",
    "video/x-vc1": "vc1 vc1test",
    "audio/x-twinvq": "vqf",
    "video/h266": "vvc",
    "video/x-wc3": "wc3movie",
    "video/x-vqa": "wsvqa",
    "audio/x-wavpack": "wv",
    "video/x-yuv4mpeg": "yuv4mpegpipe",
}
"""Types -> demuxers; of several, the first that fits."""


def _table() -> dict[str, tuple[str, ...]]:
    alike = {
        f"{top}/{name}": (name.removeprefix("x-"),) for top, names in _NAMED_ALIKE.items() for name in names.split()
    }
    return alike | {mime: tuple(names.split()) for mimes, names in _OTHERS.items() for mime in mimes.split()}


BY_TYPE: Mapping[str, tuple[str, ...]] = _table()
"""Types of sound and film -> FFmpeg's names of the demuxers that read them. Some demuxers have several names."""

ALLOWED = frozenset(name for names in BY_TYPE.values() for name in names)


def options(names: tuple[str, ...]) -> dict[str, str]:
    """FFmpeg's own options for a file of one of these formats.

    No protocol is of the name given, so whatever a demuxer would open beside its file is refused.
    """
    return {"format_whitelist": ",".join(names), "protocol_whitelist": "none"}
