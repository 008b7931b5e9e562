"""The languages that Tesseract has data for: its codes, ISO 639-1 codes where there are any, scripts and English names.

From Tesseract's list of data files (https://tesseract-ocr.github.io/tessdoc/Data-Files). Data only: no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"
"""In a list of languages: all that are installed, chosen for each page."""


@dataclass(frozen=True, slots=True)
class Language:
    """``iso``: ISO 639-1, empty where there is none. ``script``: ISO 15924 in lower case, such as ``latn``."""

    code: str
    iso: str
    script: str
    name: str


_TABLE = """
afr af latn Afrikaans
amh am ethi Amharic
ara ar arab Arabic
asm as beng Assamese
aze az latn Azerbaijani
bel be cyrl Belarusian
ben bn beng Bengali
bos bs latn Bosnian
bre br latn Breton
bul bg cyrl Bulgarian
cat ca latn Catalan
ceb - latn Cebuano
ces cs latn Czech
chi_sim zh hans Chinese (simplified)
chi_tra zh hant Chinese (traditional)
cos co latn Corsican
cym cy latn Welsh
dan da latn Danish
deu de latn German
div dv thaa Dhivehi
ell el grek Greek
eng en latn English
epo eo latn Esperanto
est et latn Estonian
eus eu latn Basque
fao fo latn Faroese
fas fa arab Persian
fil tl latn Filipino
fin fi latn Finnish
fra fr latn French
fry fy latn Western Frisian
gla gd latn Scottish Gaelic
gle ga latn Irish
glg gl latn Galician
guj gu gujr Gujarati
hat ht latn Haitian
heb he hebr Hebrew
hin hi deva Hindi
hrv hr latn Croatian
hun hu latn Hungarian
hye hy armn Armenian
ind id latn Indonesian
isl is latn Icelandic
ita it latn Italian
jav jv latn Javanese
jpn ja jpan Japanese
kan kn knda Kannada
kat ka geor Georgian
kaz kk cyrl Kazakh
khm km khmr Khmer
kir ky cyrl Kyrgyz
kmr ku latn Kurdish (Kurmanji)
kor ko kore Korean
lao lo laoo Lao
lat la latn Latin
lav lv latn Latvian
lit lt latn Lithuanian
ltz lb latn Luxembourgish
mal ml mlym Malayalam
mar mr deva Marathi
mkd mk cyrl Macedonian
mlt mt latn Maltese
mon mn cyrl Mongolian
mri mi latn Maori
msa ms latn Malay
mya my mymr Burmese
nep ne deva Nepali
nld nl latn Dutch
nor no latn Norwegian
oci oc latn Occitan
ori or orya Odia
pan pa guru Punjabi
pol pl latn Polish
por pt latn Portuguese
pus ps arab Pashto
que qu latn Quechua
ron ro latn Romanian
rus ru cyrl Russian
san sa deva Sanskrit
sin si sinh Sinhala
slk sk latn Slovak
slv sl latn Slovenian
snd sd arab Sindhi
spa es latn Spanish
sqi sq latn Albanian
srp sr cyrl Serbian
sun su latn Sundanese
swa sw latn Swahili
swe sv latn Swedish
tam ta taml Tamil
tat tt cyrl Tatar
tel te telu Telugu
tgk tg cyrl Tajik
tha th thai Thai
tir ti ethi Tigrinya
tur tr latn Turkish
uig ug arab Uyghur
ukr uk cyrl Ukrainian
urd ur arab Urdu
uzb uz latn Uzbek
vie vi latn Vietnamese
yid yi hebr Yiddish
yor yo latn Yoruba
"""


def _rows() -> dict[str, Language]:
    rows = (line.split(" ", 3) for line in _TABLE.strip().splitlines())
    return {code: Language(code, iso.strip("-"), script, name) for code, iso, script, name in rows}


LANGUAGES: dict[str, Language] = _rows()
"""By Tesseract's code."""
