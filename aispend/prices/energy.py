"""Coefficients of energy and carbon, each with its source: ``energy.toml``.

A figure nobody could source is None: a region without a grid factor has no carbon, which is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.data import read_toml


@dataclass(frozen=True)
class Factor:
    """A coefficient, and where it was read; ``year`` it holds for, where it changes by year."""

    value: Decimal
    source: str
    year: int | None = None


@lru_cache(maxsize=1)
def coefficients() -> Mapping[str, Any]:
    """The whole file, its numbers exact."""
    return read_toml("energy.toml")


def coefficient(table: str, name: str) -> Decimal:
    """One number of ``[table]``."""
    return Decimal(coefficients()[table][name])


def of_card(name: str, card: str | None) -> Any:
    """One entry of ``[accelerator]``, as measured on this ``card`` of the catalogue where somebody did."""
    table = coefficients()["accelerator"]
    return table["card"].get(card, {}).get(name, table[name])


def pue(provider: str, region: str | None) -> Factor:
    """Power usage effectiveness of the data centre: of the region where known, else the provider's own average."""
    table = coefficients()["pue"]
    known = table["region"].get(provider, {})
    if region in known:
        return Factor(Decimal(known[region]), table["region"]["source"])
    default = table["default"].get(provider, table["default"]["other"])
    return Factor(Decimal(default["value"]), default["source"])


def carbon_free_share(provider: str, region: str | None) -> Factor | None:
    """Share of the provider's electricity in the region that was carbon-free in the hour it was used, its contracts
    included; None where the provider does not say."""
    table = coefficients()["carbon_free"].get(provider, {})
    known = table.get("region", {})
    return Factor(Decimal(known[region]), table["source"], table["year"]) if region in known else None


def grid_intensity(provider: str, region: str | None) -> Factor | None:
    """Grams of CO2e per kWh of the region's grid, location-based; None where it is not known."""
    table = coefficients()["grid"].get(provider, {})
    known = table.get("region", {})
    return Factor(Decimal(known[region]), table["source"], table["year"]) if region in known else None
