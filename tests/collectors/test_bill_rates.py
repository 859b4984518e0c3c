"""The exchange rates bills name, from the file to the table; a person's own rates stay beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.store import Store
from collectors.files.bills import LoadReport
from collectors.files.exchange_rates import import_exchange_rates
from tests.collectors.test_dialect_azure import COVERED_ACTUAL, COVERED_AMORTIZED, PURCHASE, UNUSED
from tests.collectors.test_dialect_azure import LINE as AZURE
from tests.collectors.test_dialect_gcp import LINE as GOOGLE
from tests.collectors.test_import_bills import DEFAULTS as FOCUS

D = Decimal
Imported = Callable[..., list[LoadReport]]
SEPTEMBER = date(2026, 9, 1)
EUROS = {"BillingCurrency": "EUR", "pricingCurrency": "USD"}


def table(path: Path, base: Mapping[str, str], *changes: Mapping[str, str]) -> Path:
    """A CSV of ``base`` with each of ``changes``, which may bring columns of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for line in (base, *changes) for name in line))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows({**base, **change} for change in changes)
    return path


def google(path: Path, *rates: float | str | None, **changes: Any) -> Path:
    lines = [{**GOOGLE, "currency": "EUR", "currency_conversion_rate": rate, **changes} for rate in rates]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def known(store: Store) -> list[tuple[Any, ...]]:
    """Pair, day, rate, source of every rate, as kept."""
    query = "SELECT base, quote, valid_from, rate, source FROM exchange_rate ORDER BY 3, 1, 2, 5"
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_google_names_what_a_dollar_is(imported: Imported, database: Store, tmp_path: Path) -> None:
    imported(google(tmp_path / "a.json", 0.9215, "0.9215", None))
    assert known(database) == [("USD", "EUR", SEPTEMBER, D("0.9215"), "bill gcp 0177BB-554433-X9Y8Z7 2026-09")]


def test_azure_names_pricing_currency_rate_and_day(imported: Imported, database: Store, tmp_path: Path) -> None:
    """The rate of 31 August is the month's first; that of the 20th holds from its day."""
    rated = [
        EUROS | {"exchangeRatePricingToBilling": rate, "exchangeRateDate": day}
        for rate, day in (("0.9", "08/31/2026"), ("0.95", "09/20/2026"))
    ]
    imported(table(tmp_path / "a.csv", AZURE, *rated))
    assert known(database) == [
        ("USD", "EUR", SEPTEMBER, D("0.9"), "bill azure 8611537 2026-09"),
        ("USD", "EUR", date(2026, 9, 20), D("0.95"), "bill azure 8611537 2026-09"),
    ]


def test_azures_focus_export_names_it_too(imported: Imported, database: Store, tmp_path: Path) -> None:
    changes = {"ProviderName": "Microsoft", "BillingCurrency": "EUR", "x_PricingCurrency": "USD"}
    rate = {"x_BillingExchangeRate": "0.88", "x_BillingExchangeRateDate": "2026-09-01T00:00:00Z"}
    imported(table(tmp_path / "a.csv", FOCUS, changes | rate, changes))
    assert known(database) == [("USD", "EUR", SEPTEMBER, D("0.88"), "bill azure 999 2026-09")]


def test_a_bill_in_its_own_currency_names_none(imported: Imported, database: Store, tmp_path: Path) -> None:
    imported(google(tmp_path / "a.json", 1.0, currency="USD"))
    imported(table(tmp_path / "b.csv", AZURE, {"exchangeRatePricingToBilling": "0.9"}))
    assert known(database) == []


def test_lines_that_differ_are_said_in_the_source(imported: Imported, database: Store, tmp_path: Path) -> None:
    imported(google(tmp_path / "a.json", 0.92, 0.92, 0.91))
    ((*_, rate, source),) = known(database)
    assert (rate, source) == (
        D("0.92"),
        "bill gcp 0177BB-554433-X9Y8Z7 2026-09, the rate of most lines; 1 more in it",
    )


def test_a_rate_that_is_no_number_keeps_its_line_aside(imported: Imported, tmp_path: Path) -> None:
    (report,) = imported(google(tmp_path / "a.json", *[0.92] * 11, "about 1"))
    assert (report.lines, report.rejected) == (11, 1)


def test_a_restated_bill_replaces_its_own_rates_alone(imported: Imported, database: Store, tmp_path: Path) -> None:
    given = tmp_path / "rates.csv"
    given.write_text("date,base,quote,rate,source\n2026-09,USD,EUR,0.93,ECB\n")
    import_exchange_rates([given], database)
    imported(google(tmp_path / "a.json", 0.92))
    imported(google(tmp_path / "b.json", 0.91, billing_account_id="OTHER"))

    imported(google(tmp_path / "c.json", 0.90))

    assert [row[3:] for row in known(database)] == [
        (D("0.93"), "ECB"),
        (D("0.90"), "bill gcp 0177BB-554433-X9Y8Z7 2026-09"),
        (D("0.91"), "bill gcp OTHER 2026-09"),
    ]
    given.write_text("date,base,quote,rate,source\n2026-09,USD,EUR,0.94,treasury\n")
    import_exchange_rates([given], database)
    assert [row[3] for row in known(database)] == [D("0.90"), D("0.91"), D("0.94")]


def test_each_half_of_an_azure_bill_keeps_its_own(imported: Imported, database: Store, tmp_path: Path) -> None:
    rated = EUROS | {"exchangeRatePricingToBilling": "0.9", "exchangeRateDate": "09/01/2026"}
    table(tmp_path / "in" / "actual.csv", AZURE | rated, {}, COVERED_ACTUAL, PURCHASE)
    table(tmp_path / "in" / "amortised.csv", AZURE | rated, {}, COVERED_AMORTIZED, UNUSED)
    imported(tmp_path / "in")
    source = "bill azure 8611537 2026-09"
    assert known(database) == [("USD", "EUR", SEPTEMBER, D("0.9"), source)] * 2


def test_public_bills_by_what_stands_in_them(imported: Imported, database: Store, public_data: Path) -> None:
    """Google's sample: three accounts, March to May 2026, each with lines in AUD at 1.54, EUR at 0.92, GBP at 0.78 to
    the dollar and in dollars. Azure's have no rate, or 1 from USD to USD."""
    imported(public_data / "billing_gcp_export_synth")
    imported(public_data / "billing_opencost_azure" / "headersets" / "EnterpriseCamel.csv")
    imported(public_data / "billing_focusconv_azure_ea")

    assert [row[:4] for row in known(database)] == [
        ("USD", quote, date(2026, month, 1), D(rate))
        for month in (3, 4, 5)
        for quote, rate in (("AUD", "1.54"), ("EUR", "0.92"), ("GBP", "0.78"))
        for _ in range(3)
    ]


@pytest.mark.parametrize("rate", ["0", "-0.9"])
def test_what_cannot_be_a_rate_is_none(imported: Imported, database: Store, tmp_path: Path, rate: str) -> None:
    imported(google(tmp_path / "a.json", rate))
    assert known(database) == []
