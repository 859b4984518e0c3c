"""Units in the format FOCUS asks for: ``GB-Mo`` is ``GB-Months``, ``1K tokens`` is ``1000 Tokens``.

Method
    The spelling changes, never the unit: the quantity beside it stays as it is. A unit is taken apart into an
    amount, what is counted and a time, and put together again as ``Hours``, ``GB-Months``, ``Units/Hour`` or
    ``1000 Tokens``. What does not come out in one of those forms stays as the bill writes it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TIMES = {
    "Year": ("year", "years", "yr", "yrs"),
    "Month": ("month", "months", "mo", "mos"),
    "Day": ("day", "days"),
    "Hour": ("hour", "hours", "hr", "hrs"),
    "Minute": ("minute", "minutes", "min", "mins"),
    "Second": ("second", "seconds", "sec", "secs"),
}
_TIME = {word: time for time, words in _TIMES.items() for word in words}
_PREFIXES = {
    "kilo": "K",
    "mega": "M",
    "giga": "G",
    "tera": "T",
    "peta": "P",
    "exa": "E",
    "kibi": "Ki",
    "mebi": "Mi",
    "gibi": "Gi",
    "tebi": "Ti",
    "pebi": "Pi",
    "exbi": "Ei",
}
_SIZE = {
    f"{word}{unit}{plural}": f"{prefix}{letter}"
    for word, prefix in {"": "", **_PREFIXES}.items()
    for unit, letter in (("byte", "B"), ("bit", "b"))
    for plural in ("", "s")
}
_MULTIPLES = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_AMOUNT = re.compile(r"(\d+)(?: ?([KMB])(?![A-Za-z]))? *(.*)")
_TIMED = re.compile(rf"(.*?)( +per +| *[-/] *| +)({'|'.join(sorted(_TIME, key=len, reverse=True))})", re.IGNORECASE)
_COUNTED = r"[A-Za-z][A-Za-z0-9]*(?: [A-Za-z][A-Za-z0-9]*)*"
_FORMAT = re.compile(rf"(?:\d+ )?{_COUNTED}|{_COUNTED}-(?:{'|'.join(_TIMES)})s|{_COUNTED}/(?:{'|'.join(_TIMES)})")


@lru_cache(maxsize=4096)
def focus_unit(unit: str) -> str:
    """``unit`` as FOCUS writes it, or as it is where its parts are not understood."""
    amount, rest = 1, unit.strip()
    if numbered := _AMOUNT.fullmatch(rest):
        number, multiple, rest = numbered.groups()
        amount = int(number) * _MULTIPLES[multiple or ""]
    if timed := _TIMED.fullmatch(rest):
        counted, sign, time = timed[1], timed[2].strip().lower(), _TIME[timed[3].lower()]
        spelt = f"{_counted(counted)}/{time}" if sign in {"/", "per"} else f"{_counted(counted)}-{time}s"
    else:
        spelt = _counted(rest)
    if amount != 1:
        spelt = f"{amount} {spelt}"
    return spelt if _FORMAT.fullmatch(spelt) else unit


def _counted(text: str) -> str:
    lower = text.lower()
    if lower in _TIME:
        return f"{_TIME[lower]}s"
    if lower in _SIZE:
        return _SIZE[lower]
    words = text.replace("-", " ").split() or ["Units"]
    return " ".join(word.capitalize() if word.islower() else word for word in words)
