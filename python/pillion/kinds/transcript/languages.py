"""The names that media files give to the languages of their tracks, beside Whisper's codes."""

from __future__ import annotations

from pillion.errors import UsageError
from pillion.kinds.settings import nearest
from pillion.quoting import quoted

_CODES = (
    "af afr|am amh|ar ara|as asm|az aze|ba bak|be bel|bg bul|bn ben|bo bod tib|br bre|bs bos|ca cat|cs ces cze|"
    "cy cym wel|da dan|de deu ger|el ell gre|en eng|es spa|et est|eu eus baq|fa fas per|fi fin|fo fao|fr fra fre|"
    "gl glg|gu guj|ha hau|haw|he heb iw|hi hin|hr hrv scr|ht hat|hu hun|hy hye arm|id ind in|is isl ice|it ita|ja jpn|"
    "jw jv jav|ka kat geo|kk kaz|km khm|kn kan|ko kor|la lat|lb ltz|ln lin|lo lao|lt lit|lv lav lvs|mg mlg|"
    "mi mri mao|mk mkd mac|ml mal|mn mon|mr mar|ms msa may zsm|mt mlt|my mya bur|ne nep npi|nl nld dut|nn nno|"
    "no nor nb nob|oc oci|pa pan|pl pol|ps pus|pt por|ro ron rum mo mol|ru rus|sa san|sd snd|si sin|sk slk slo|sl slv|"
    "sn sna|so som|sq sqi alb als|sr srp scc|su sun|sv swe|sw swa swh|ta tam|te tel|tg tgk|th tha|tk tuk|"
    "tl tgl fil|tr tur|tt tat|uk ukr|ur urd|uz uzb|vi vie|yi yid ji|yo yor|yue|zh zho chi cmn"
)
"""Whisper's code, then those of ISO 639-1, -2 (both sets) and -3 for the same language, withdrawn ones too."""
_BY_NAME = {name: group.split()[0] for group in _CODES.split("|") for name in group.split()}


def whisper_code(tag: str) -> str | None:
    """Whisper's code for a language tag (``de``, ``ger``, ``deu``, ``de-AT``, ``zh_TW``); None for any other."""
    return _BY_NAME.get(tag.lower().replace("_", "-").split("-")[0])


def named_language(name: str | None) -> str | None:
    """Whisper's code for a language that a user named; None if none was. Raises UsageError for what is no language."""
    code = None if name is None else whisper_code(name)
    if name is not None and code is None:
        near = nearest(name, list(_BY_NAME)) or "; it is named by its code, such as en."
        raise UsageError(f"There is no language '{quoted(name)}'{near}")
    return code
