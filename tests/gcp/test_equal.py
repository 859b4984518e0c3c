"""Equal result: lines imported from a file, and the same lines rolled up in BigQuery, are the same charges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aispend.connections import GcpConnection
from aispend.engine.duck import DuckEngine
from aispend.prices.classify import SkuDescription, classify
from aispend.settings import Engine, TagKeys
from collectors.contract import Files, Window
from collectors.files.intake import deliveries
from collectors.gcp.bills import Bills
from collectors.gcp.clients import GcpClients
from sample.bigquery import serving
from sample.gcp_schema import STANDARD
from tests.gcp.bill import PLAIN, TABLE, line, serve
from tests.gcp.double import Google

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WINDOW = Window(date(2026, 8, 1), date(2026, 12, 1))
EFFECTIVE = "effective_cost"


@pytest.fixture(scope="module")
def served() -> Iterator[Google]:
    double = Google()
    with serving(double.respond) as url:
        double.url = url
        yield double
    double.bigquery.close()


def charges(path: Path, workdir: Path) -> list[dict[str, Any]]:
    """The facts of a bill, as they would go into the database, and what is known of its slices."""
    workdir.mkdir()
    found: list[dict[str, Any]] = []
    for delivery in deliveries([path], workdir):
        engine = DuckEngine(Engine(), workdir)
        with engine.roll_up(
            delivery, lambda sku: classify(SkuDescription(**sku)), rules=(), tag_keys=TagKeys()
        ) as rolled:
            slices = {
                (one.key.provider, one.key.scope, one.key.month): place
                for place, one in enumerate(rolled.summary.slices)
            }
            named = {place: key for key, place in slices.items()}
            facts = rolled.facts(slices, half=0).read_all().to_pylist()
            found += [row | {"slice_id": str(named[row["slice_id"]]), "ordinal": None} for row in facts]
            found += [
                {"slice": str(one.key), "lines": one.lines, "totals": one.totals, "residuals": one.residuals}
                | {"rates": [str(rate) for rate in one.rates], "flags": [(flag.flag, flag.lines) for flag in one.flags]}
                for one in rolled.summary.slices
            ]

    return found


def place(row: dict[str, Any]) -> tuple[str, Decimal]:
    """By what rows are compared: all but sums, which are to be found equal."""
    sums = ("residuals", "flags", "rates", EFFECTIVE)
    return str({name: str(row[name]) for name in sorted(plain(row)) if name not in sums}), row.get(
        EFFECTIVE, Decimal(0)
    )


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """What must be equal to the last digit."""
    return {name: value for name, value in row.items() if name not in (EFFECTIVE, "totals")}


def from_bigquery(
    google: Google, rows: Sequence[dict[str, Any]], folder: Path, table: str = TABLE
) -> list[dict[str, Any]]:
    google.bigquery.tables.clear()
    serve(google, rows)
    connection = {"endpoint_url": google.url, "project": "p", "export": [{"table": table}]}
    bills = Bills(GcpClients(GcpConnection.model_validate(connection)), lambda: NOW)
    (folder / "collected").mkdir(parents=True)
    for piece in list(bills.slices(WINDOW, {})):
        reading = bills.read(piece, folder / "collected", None)
        assert isinstance(reading.parts[0], Files)
    found: list[dict[str, Any]] = []
    for place, path in enumerate(sorted((folder / "collected").iterdir())):
        found += charges(path, folder / f"work-{place}")
    return found


ODD = [0.0, 1e-9, 5e-13, 1.5e-12, 2.5e-12, 123.4567890123455, 0.1 + 0.2, 3.0000000000005, -2.5e-12, 1e9]
"""Amounts that test rounding: ties, sixteen digits, more decimals than twelve."""

TYPES = (
    "COMMITTED_USAGE_DISCOUNT COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE PROMOTION FEE_UTILIZATION_OFFSET DISCOUNT NEW_ONE"
)
KINDS = [*TYPES.split(), "COMMITTED_NEWLY", None]
SKUS = [
    {"id": "c", "description": "A2 Instance Core running in Americas"},
    {"id": "f", "description": "Commitment v1: A2 Core in Americas for 1 Year"},
    {"id": "d", "description": "Commitment - dollar based v1: GCE for 1 year"},
    {"id": "s", "description": "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas"},
]
SPANS = [timedelta(hours=1), timedelta(minutes=5), timedelta(hours=3), timedelta(days=1), timedelta(days=30)]
LABELS: list[list[dict[str, str]]] = [[], [{"key": "team", "value": "vision"}, {"key": "model", "value": "ranker"}]]


def money(chance: Random) -> float:
    return chance.choice(ODD) if chance.random() < 0.3 else round(chance.uniform(-2000, 2000), chance.randint(0, 9))


def bill_line(chance: Random) -> dict[str, Any]:
    """A line of which any two may or may not belong to one charge."""
    start = datetime(2026, 9, 3, tzinfo=UTC) + timedelta(hours=chance.randint(0, 47))
    end = start + chance.choice(SPANS)
    amount = chance.choice([None, 0.0, 1.0, 2.5])
    credits_ = [
        {
            "name": chance.choice(["Committed usage discount", "x"]),
            "amount": money(chance),
            "type": chance.choice(KINDS),
        }
        for _ in range(chance.randint(0, 3))
    ]
    return line(
        sku=chance.choice(SKUS),
        usage_start_time=f"{start:%Y-%m-%d %H:%M:%S} UTC",
        usage_end_time=f"{end:%Y-%m-%d %H:%M:%S} UTC",
        cost=money(chance),
        cost_at_list=chance.choice([None, 0.0, money(chance)]),
        cost_at_effective_price_default=chance.choice([None, 0.0, money(chance)]),
        usage={"amount": amount, "unit": "hour", "amount_in_pricing_units": amount, "pricing_unit": "hour"},
        credits=credits_,
        labels=chance.choice(LABELS),
        invoice={"month": chance.choice(["202609", "202610"])},
        cost_type=chance.choice(["regular", "regular", "tax", "adjustment"]),
        currency_conversion_rate=chance.choice([1.0, 0.9137]),
        currency=chance.choice(["USD", "EUR"]),
    )


def same(collected: list[dict[str, Any]], imported: list[dict[str, Any]], lines: int) -> None:
    """Google is equal; effective cost but for the rounding of shares of fees, once per line there, once here."""

    collected, imported = sorted(collected, key=place), sorted(imported, key=place)
    assert [plain(row) for row in collected] == [plain(row) for row in imported]
    for ours, theirs in zip(collected, imported, strict=True):
        if EFFECTIVE in ours:
            assert abs(ours[EFFECTIVE] - theirs[EFFECTIVE]) <= lines * Decimal("1e-12")
        for currency, costs in ours.get("totals", {}).items():
            for name, amount in costs.items():
                allowed = lines * Decimal("1e-12") if name == EFFECTIVE else 0
                assert abs(amount - theirs["totals"][currency][name]) <= allowed


@settings(max_examples=2, phases=(Phase.generate,))
@given(st.integers(0, 10**9))
def test_a_bill_is_the_same_whichever_way_it_comes(
    served: Google, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Sixty random lines of two months, in which every kind of charge has several."""
    chance = Random(seed)
    rows = [bill_line(chance) for _ in range(60)]
    folder = tmp_path_factory.mktemp("equal")
    path = folder / "export.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    same(from_bigquery(served, rows, folder), charges(path, folder / "imported"), len(rows))


def test_a_table_from_before_columns_were_added_is_read_without_them(served: Google, tmp_path: Path) -> None:
    """Whatever a table lacks, its query does not name; the standard export names no resource."""
    old = {name: value for name, value in line().items() if name not in ("resource", "tags", "cost_at_list")}
    path = tmp_path / "export.json"
    path.write_text(json.dumps(old) + "\n")
    schema = [one for one in STANDARD if one["name"] in old]
    served.bigquery.tables.clear()
    served.add(PLAIN, schema, [old], partitioned=False)
    (tmp_path / "collected").mkdir()
    connection = {"endpoint_url": served.url, "project": "p", "export": [{"table": PLAIN}]}
    bills = Bills(GcpClients(GcpConnection.model_validate(connection)), lambda: NOW)
    for piece in list(bills.slices(WINDOW, {})):
        bills.read(piece, tmp_path / "collected", None)

    (collected,) = (tmp_path / "collected").iterdir()
    same(charges(collected, tmp_path / "a"), charges(path, tmp_path / "b"), 1)
