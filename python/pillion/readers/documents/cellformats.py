"""Cells as a sheet shows them: number formats of spreadsheets (ISO/IEC 29500-1, 18.8.30 and 18.8.31).

Where a format leaves the form to the country of the reader (a date in "the short form"), the international form is
written: 2026-11-25. General keeps all digits, also where a narrow column would round them.
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

GENERAL = "General"
_DATE = "yyyy-mm-dd"
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)',
    6: '"$"#,##0_);[Red]("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);[Red]("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: _DATE,
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: f"{_DATE} h:mm",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), _DATE),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm:ss"),
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
"""Number of a format that every workbook has -> the format."""
ERRORS = {
    0: "#NULL!",
    7: "#DIV/0!",
    15: "#VALUE!",
    23: "#REF!",
    29: "#NAME?",
    36: "#NUM!",
    42: "#N/A",
    43: "#GETTING_DATA",
}
"""Code of an error in the binary formats -> what the cell shows."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<half>AM/PM|A/P|上午/下午)|(?P<power>E[+-])|(?P<date>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+|[eE]+|[gG]+|[bB]\d?)"
    r"|(?P<number>[0#?.,]+)|(?P<percent>%)|(?P<slash>/)|(?P<text>@)|(?P<other>.)",
    re.DOTALL | re.IGNORECASE,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_MAX_FORMAT = 512
_LONGEST = 10**21


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[_Token, ...]
    condition: tuple[str, float] | None

    def has(self, *kinds: str) -> bool:
        return any(token.kind in kinds for token in self.tokens)


def shown(value: float, form: str, *, since_1904: bool = False) -> str:
    """A number in a format. ``since_1904``: whether days are counted from 1904 and not from 1900."""
    if not math.isfinite(value):
        return str(value)
    sections = _sections(form[:_MAX_FORMAT])
    section, magnitude = _chosen(sections, value)
    if section is None or not section.tokens:
        return "" if section is not None and len(sections) > 1 else general(value)
    if section.has("text"):
        return general(value)
    if section.has("date", "elapsed"):
        return _date(section, value, since_1904).strip() or general(value)
    return _number(section, magnitude).strip()


def shown_text(text: str, form: str) -> str:
    """A text in a format: most formats leave it as it is."""
    if "@" not in form or form == "@":
        return text
    section = _sections(form[:_MAX_FORMAT])[-1]
    if not section.has("text") or section.has("number", "date"):
        return text
    return "".join(text if token.kind == "text" else _literal(token) for token in section.tokens).strip()


def is_date(form: str) -> bool:
    """Whether numbers in this format are dates or times."""
    return any(section.has("date", "elapsed") for section in _sections(form[:_MAX_FORMAT]))


def general(value: float) -> str:
    """A number without a format: all its digits, 15 behind a point."""
    if value == int(value) and abs(value) < _LONGEST:
        return str(int(value)) if abs(value) < 1 << 53 else format(Decimal(repr(value)), "f").partition(".")[0]
    text = f"{value:.15g}"
    if "e-0" in text and abs(value) >= 1e-10:
        return format(Decimal(text), "f")
    return text.upper()


# sections -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _sections(form: str) -> tuple[_Section, ...]:
    sections: list[_Section] = []
    tokens: list[_Token] = []
    condition: tuple[str, float] | None = None
    for match in _TOKEN.finditer(form):
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "other" and text == ";":
            sections.append(_Section(tuple(tokens), condition))
            tokens, condition = [], None
        elif kind == "bracket":
            found = _CONDITION.match(text)
            if found:
                condition = (found[1], _float(found[2]))
            elif _ELAPSED.fullmatch(text):
                tokens.append(_Token("elapsed", text.lower()))
            elif text.startswith("$"):
                tokens += _currency(text)
        else:
            tokens.append(_Token(kind, text))
    sections.append(_Section(tuple(tokens), condition))
    return tuple(sections)


def _currency(text: str) -> list[_Token]:
    """``[$€-407]`` is a sign and a country; two countries mean that country's own long date or time."""
    sign, _, country = text[1:].partition("-")
    if country.upper().endswith("F800"):
        return [_Token("system", _DATE)]
    return [_Token("quoted", sign)] if sign else []


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _chosen(sections: tuple[_Section, ...], value: float) -> tuple[_Section | None, float]:
    """The section for a value, and the value that it writes: without its sign where the section is for one sign."""
    numeric = sections if len(sections) < 4 else sections[:3]
    if len(numeric) > 1 and numeric[-1].has("text") and not numeric[-1].has("number"):
        numeric = numeric[:-1]
    if any(section.condition for section in numeric):
        for section in numeric:
            if section.condition is None or _holds(section.condition, value):
                signed = section is numeric[0] or section.condition is None
                return section, value if signed and value < 0 and section.condition is None else abs(value)
        return None, value
    if value < 0 and len(numeric) > 1:
        return numeric[1], -value
    if value == 0 and len(numeric) > 2:
        return numeric[2], value
    return numeric[0], value


def _holds(condition: tuple[str, float], value: float) -> bool:
    sign, limit = condition
    return {
        "<": value < limit,
        ">": value > limit,
        "<=": value <= limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[sign]


def _literal(token: _Token) -> str:
    if token.kind in ("quoted", "escaped", "other", "slash", "percent", "system"):
        return token.text
    return " " if token.kind == "space" else ""


# numbers --------------------------------------------------------------------------------------------------------------


def _number(section: _Section, value: float) -> str:
    tokens = section.tokens
    if section.has("general"):
        body = general(abs(value))
        written = "".join(body if token.kind == "general" else _literal(token) for token in tokens)
        return f"-{written}" if value < 0 else written
    places = [at for at, token in enumerate(tokens) if token.kind == "number"]
    if not places:
        written = "".join(map(_literal, tokens))
        return f"-{written}" if value < 0 and written.strip() else written
    if section.has("slash"):
        fraction = _fraction(tokens, places, abs(value))
        if fraction is not None:
            return f"-{fraction}" if value < 0 else fraction
    if section.has("power"):
        body = _scientific(tokens, places, abs(value))
    else:
        body = _plain(tokens, places, abs(value))
    return f"-{body}" if value < 0 and re.search("[1-9]", body) else body


def _plain(tokens: tuple[_Token, ...], places: list[int], value: float) -> str:
    """Digits around a point, which may stand apart with signs between them, as in telephone numbers."""
    pattern = "".join(tokens[at].text for at in places)
    whole, point, decimals = pattern.partition(".")
    decimals = decimals.replace(".", "")
    scaled = len(pattern) - len(pattern.rstrip(","))
    if point and whole.endswith(","):
        scaled += len(whole) - len(whole.rstrip(","))
    grouped = "," in whole.strip(",")
    places_after = len(decimals.replace(",", ""))
    percent = sum(token.kind == "percent" for token in tokens)
    amount = _exact(value) * Decimal(100) ** percent / Decimal(1000) ** scaled
    digits, _, after = _rounded(amount, places_after).partition(".")
    written = _integer(whole.replace(",", ""), digits.lstrip("0"), grouped)
    after = _after(decimals.replace(",", ""), after)
    if len(places) == 1:
        number = written + (("." + after) if point else "")
        return "".join(number if at == places[0] else _literal(token) for at, token in enumerate(tokens))
    return _spread(tokens, places, written, after)


def _spread(tokens: tuple[_Token, ...], places: list[int], written: str, after: str) -> str:
    """Digits filled into several groups from the right, the first taking what is left."""
    groups: dict[int, str] = {}
    behind = False
    decimals = after
    for at in places:
        whole, point, rest = tokens[at].text.partition(".")
        count = len((whole if behind else rest).replace(",", ""))
        taken = decimals[:count] if behind or point else ""
        decimals = decimals[len(taken) :]
        groups[at] = taken if behind else (f".{taken}" if point else "")
        behind = behind or bool(point)
    left = written
    before = [at for at in places if not groups[at] or groups[at].startswith(".")]
    for at in reversed(before):
        count = len(tokens[at].text.partition(".")[0].replace(",", ""))
        taken = left if at == before[0] else left[len(left) - min(count, len(left)) :]
        left = left[: len(left) - len(taken)]
        groups[at] = taken + groups[at]
    return "".join(groups[at] if at in groups else _literal(token) for at, token in enumerate(tokens))


def _exact(value: float) -> Decimal:
    """What a sheet computes with: 15 digits."""
    return Decimal(int(value)) if value == int(value) and value < 1 << 53 else Decimal(f"{value:.15g}")


def _rounded(amount: Decimal, places: int) -> str:
    try:
        return format(amount.quantize(Decimal(1).scaleb(-min(places, 30)), rounding=ROUND_HALF_UP), "f")
    except InvalidOperation:
        return format(amount, "f")


def _integer(pattern: str, digits: str, grouped: bool) -> str:
    least = pattern.count("0") if "0" in pattern else 0
    # A zero in the pattern asks for a digit there and at all places right of it.
    first = pattern.find("0")
    least = len(pattern) - first if first >= 0 else 0
    digits = digits.rjust(least, "0")
    if not grouped:
        return digits
    head = len(digits) % 3
    parts = [digits[:head]] if head else []
    return ",".join(parts + [digits[at : at + 3] for at in range(head, len(digits), 3)])


def _after(pattern: str, digits: str) -> str:
    """Digits behind the point: zeros at their end only where the pattern asks for them."""
    digits = digits[: len(pattern)]
    while digits.endswith("0") and pattern[len(digits) - 1 : len(digits)] in ("#", "?"):
        digits = digits[:-1]
    return digits


def _scientific(tokens: tuple[_Token, ...], places: list[int], value: float) -> str:
    at_power = next(at for at, token in enumerate(tokens) if token.kind == "power")
    pattern = "".join(tokens[at].text for at in places if at < at_power)
    exponent_pattern = "".join(tokens[at].text for at in places if at > at_power)
    whole, _, decimals = pattern.partition(".")
    step = max(1, len(whole.replace(",", "")))
    amount = _exact(value)
    exponent = amount.adjusted() if amount else 0
    exponent -= exponent % step if step > 1 else 0
    mantissa = _rounded(amount.scaleb(-exponent), len(decimals))
    if len(mantissa.partition(".")[0]) > step:
        exponent += step
        mantissa = _rounded(amount.scaleb(-exponent), len(decimals))
    head, _, after = mantissa.partition(".")
    after = _after(decimals, after)
    sign = "-" if exponent < 0 else ("+" if tokens[at_power].text.endswith("+") else "")
    power = f"E{sign}{str(abs(exponent)).rjust(len(exponent_pattern), '0')}"
    number = head + (f".{after}" if decimals and after else "") + power
    first = places[0]
    last = places[-1]
    before = "".join(_literal(token) for token in tokens[:first])
    return before + number + "".join(_literal(token) for token in tokens[last + 1 :])


def _fraction(tokens: tuple[_Token, ...], places: list[int], value: float) -> str | None:
    slash = next(at for at, token in enumerate(tokens) if token.kind == "slash")
    above = max((at for at in places if at < slash), default=None)
    below = next((at for at in range(slash + 1, len(tokens)) if tokens[at].kind in ("number", "other")), None)
    if above is None or below is None:
        return None
    denominator = "".join(token.text for token in tokens[below:] if token.kind in ("number", "other"))
    fixed = re.match(r"\d+", denominator.strip())
    exact = Fraction(value)
    mixed = any(at < above for at in places)
    whole = int(exact) if mixed else 0
    if fixed and int(fixed[0]):
        bottom = int(fixed[0])
        top = round((exact - whole) * bottom)
    else:
        near = (exact - whole).limit_denominator(10 ** min(5, len(tokens[below].text)) - 1)
        top, bottom = near.numerator, near.denominator
    if mixed and top == bottom:
        whole, top = whole + 1, 0
    parts = [str(whole)] if mixed and (whole or not top) else []
    if top or not mixed:
        parts.append(f"{top}/{bottom}")
    return " ".join(parts)


# dates ----------------------------------------------------------------------------------------------------------------


def moment(value: float, since_1904: bool) -> datetime.datetime | None:
    """The time that a number of days means; None where there is no such day. The year 1900 had no leap day."""
    if since_1904:
        base = datetime.datetime(1904, 1, 1)
    else:
        base = datetime.datetime(1899, 12, 30) if value >= 60 else datetime.datetime(1899, 12, 31)
    try:
        return base + datetime.timedelta(microseconds=round(value * 86_400_000_000))
    except (OverflowError, ValueError):
        return None


def _date(section: _Section, value: float, since_1904: bool) -> str:
    if any(token.kind == "system" for token in section.tokens):
        found = moment(value, since_1904)
        return "" if found is None else found.date().isoformat()
    digits = _second_digits(section)
    unit = 86_400 * 10**digits
    ticks = int(Decimal(repr(value)).scaleb(0) * unit + Decimal("0.5")) if value >= 0 else 0
    when = moment(ticks / unit, since_1904)
    if value < 0 or when is None:
        return ""
    if when.microsecond % 10 ** (6 - digits):
        when += datetime.timedelta(microseconds=5)
        when = when.replace(microsecond=when.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    return "".join(_date_pieces(section, when, ticks, digits))


def _second_digits(section: _Section) -> int:
    """How many digits of a second are shown: ``ss.00``."""
    after = False
    for token in section.tokens:
        if token.kind == "number" and after and token.text.startswith("."):
            return min(3, len(token.text) - 1)
        after = token.kind in ("date", "elapsed") and token.text.lower().startswith("s")
    return 0


def _date_pieces(section: _Section, when: datetime.datetime, ticks: int, digits: int) -> list[str]:
    tokens = section.tokens
    halves = section.has("half")
    pieces = []
    seconds = ticks // 10**digits
    for at, token in enumerate(tokens):
        text = token.text.lower()
        if token.kind == "date":
            minutes = text.startswith("m") and len(text) < 3 and _is_minutes(tokens, at)
            pieces.append(_date_piece(text, when, halves, minutes))
        elif token.kind == "elapsed":
            size = {"h": 3600, "m": 60, "s": 1}[text[0]]
            pieces.append(str(seconds // size).rjust(len(text), "0"))
        elif token.kind == "half":
            early, late = ("a", "p") if text == "a/p" else ("AM", "PM")
            pieces.append(early if when.hour < 12 else late)
        elif token.kind == "number" and token.text.startswith(".") and digits:
            pieces.append("." + str(ticks % 10**digits).rjust(digits, "0"))
        elif token.kind == "number":
            pieces.append(token.text if token.text.strip("0#?") else "")
        else:
            pieces.append(_literal(token))
    return pieces


def _is_minutes(tokens: tuple[_Token, ...], at: int) -> bool:
    """``m`` means minutes behind an hour or before seconds, else the month."""
    kinds = ("date", "elapsed")
    before = next((token for token in reversed(tokens[:at]) if token.kind in kinds), None)
    after = next((token for token in tokens[at + 1 :] if token.kind in kinds), None)
    return (before is not None and before.text.lower().startswith("h")) or (
        after is not None and after.text.lower().startswith("s")
    )


def _date_piece(text: str, when: datetime.datetime, halves: bool, minutes: bool) -> str:
    hour = (when.hour % 12 or 12) if halves else when.hour
    match text[0]:
        case "y" | "e":
            return f"{when.year:04d}" if len(text) > 2 or text[0] == "e" else f"{when.year % 100:02d}"
        case "m" if minutes:
            return f"{when.minute:0{min(2, len(text))}d}"
        case "m":
            name = _MONTHS[when.month - 1]
            return {1: str(when.month), 2: f"{when.month:02d}", 3: name[:3], 5: name[0]}.get(len(text), name)
        case "d":
            name = _DAYS[when.weekday()]
            return {1: str(when.day), 2: f"{when.day:02d}", 3: name[:3]}.get(len(text), name)
        case "h":
            return f"{hour:0{min(2, len(text))}d}"
        case "s":
            return f"{when.second:0{min(2, len(text))}d}"
    return ""
