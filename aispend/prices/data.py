"""Reads the data files of this package, and says which file is wrong when one is."""

from __future__ import annotations

import csv
import tomllib
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

_PACKAGE = "aispend.prices"
_FRACTION_DECIMALS = Decimal(1).scaleb(-12)


def read_toml(name: str, package: str = _PACKAGE) -> dict[str, Any]:
    """The TOML file ``name`` of ``package`` (this one unless said otherwise); its floats as exact ``Decimal``."""
    text = (files(package) / name).read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def read_csv(name: str) -> list[dict[str, str]]:
    """The rows of the CSV file ``name`` of this package, by column."""
    return list(csv.DictReader((files(_PACKAGE) / name).read_text(encoding="utf-8").splitlines()))


def number(text: str) -> Decimal:
    """A decimal, or a fraction such as ``1/6`` to twelve decimals."""
    if "/" not in text:
        return Decimal(text)
    share = Fraction(text)
    return (Decimal(share.numerator) / Decimal(share.denominator)).quantize(_FRACTION_DECIMALS)
