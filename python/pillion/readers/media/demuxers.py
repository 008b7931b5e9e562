"""The formats of media that FFmpeg may read here; it chooses among them by the first bytes of a file.

All of them hold their pictures and sound themselves. Not among them is what names other files, addresses or devices
(playlists as of HLS and DASH, concat, IMF, SDP, sequences of pictures, lavfi), what holds text or one picture (the
readers of documents and of pictures do that), and bare samples whose rate or size no header says.
"""

_NAMES = (
    "3dostr 3g2 3gp 4xm aa aac aax ac3 ac4 acm adp ads adx aea afc aiff aix alp amr anm apac apc ape aptx aptx_hd"
    " apv asf asf_o ast au av1 avi avr avs avs2 avs3 bethsoftvid bfi bfstm bink binka bmv bonk brstm caf cavsvideo"
    " cdg cdxl cine codec2 daud dfa dfpwm dhav dirac dnxhd dsf dss dts dtshd dv dxa ea ea_cdata eac3 epaf evc"
    " film_cpk filmstrip flac flic flv fsb fwse g722 g723_1 g728 g729 gdv genh gif gsm gxf h261 h263 h264 hca hevc"
    " hnm hxvs iamf iff ifv ilbc ipmovie ipu ircam iss ivf ivr jv kux kvag laf lc3 live_flv loas lvf lxf m4a m4v"
    " matroska mca mj2 mjpeg mjpeg_2000 mlp mlv mmf mods moflex mov mp3 mp4 mpc mpc8 mpeg mpegts mpegvideo mpjpeg"
    " msf mtaf musx mv mvi mxf mxg nistsphere nsp nsv nut nuv obu ogg oma osq paf pdv pmp psxstr pva pvf qcp qoa r3d"
    " redspark rka rl2 rm roq rpl rsd rso sbc sdns sdr2 sds sdx ser sga shn siff simbiosis_imx sln smjpeg smk smush"
    " sox spdif svag svs swf tak thp tmv truehd tta txd ty usm v210 vag vc1 vc1test vividas vivo voc vqf vvc w64"
    " wady wav wavarc wc3movie webm wsaud wsd wsvqa wtv wv wve xa xmd xmv xvag xwma yop yuv4mpegpipe"
)
ALLOWED = frozenset(_NAMES.split())
"""FFmpeg's names of the demuxers; some have several, of which one is enough."""

OPTIONS = {"format_whitelist": ",".join(sorted(ALLOWED)), "protocol_whitelist": "none"}
"""FFmpeg's own options. No protocol is of that name, so whatever a demuxer would open beside its file is refused."""
