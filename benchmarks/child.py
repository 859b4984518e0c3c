"""One measured run in a process of its own: ``python -m benchmarks.child import|reference|collect …`` prints JSON.

The clock runs from files to committed facts, with the libraries loaded before; memory is the process's own peak.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.engine.line import identifier, literal
from aispend.settings import Settings

FACT_KEY = (
    *("BillingAccountId", "BillingAccountName", "BillingAccountType", "SubAccountId", "SubAccountName"),
    *("SubAccountType", "InvoiceIssuerName", "PublisherName", "ProviderName", "ServiceName", "ServiceCategory"),
    *("ServiceSubcategory", "SkuId", "SkuPriceId", "SkuMeter", "ChargeDescription", "SkuPriceDetails", "PricingUnit"),
    *("ConsumedUnit", "PricingCurrency", "x_Operation", "RegionId", "RegionName", "AvailabilityZone", "ResourceId"),
    *("ResourceName", "ResourceType", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountType"),
    *("CommitmentDiscountCategory", "CommitmentDiscountUnit", "ChargeCategory", "ChargeClass", "ChargeFrequency"),
    *("PricingCategory", "CommitmentDiscountStatus", "CapacityReservationId", "CapacityReservationStatus"),
    *("BillingCurrency", "InvoiceId", "BillingPeriodStart", "Tags"),
)
"""The raw columns that make the key of a fact, beside the day."""

SUMMED = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    *("PricingQuantity", "ConsumedQuantity", "CommitmentDiscountQuantity"),
)


def run_import(uri: str, home: Path, bill: Path) -> dict[str, object]:
    """``import_bills`` as ``aispend import`` calls it."""
    import adbc_driver_postgresql.dbapi  # noqa: F401 - loaded before the clock starts, as in the reference
    import duckdb  # noqa: F401
    import pyarrow  # noqa: F401

    from aispend.store import open_store
    from collectors.files.bills import import_bills

    settings = Settings(home=home, database_url=uri)
    with open_store(settings, migrate=False) as store:
        started = time.perf_counter()
        reports = import_bills([bill], store, settings, lambda: datetime.now(UTC))
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "lines": sum(report.lines for report in reports),
        "facts": sum(report.facts for report in reports),
    }


def run_reference(uri: str, home: Path, bill: Path, facts: Path) -> dict[str, object]:
    """The limit: a bare GROUP BY on the fact key, no mapping; then a bare COPY of the facts into an equal table."""
    import duckdb
    import psycopg

    settings = Settings(home=home)
    duck = duckdb.connect(":memory:")
    duck.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    duck.execute(f"SET memory_limit = {literal(settings.engine.memory)}")
    duck.execute(f"SET temp_directory = {literal(str(home / 'reference-spill'))}")
    csv = bill.suffix == ".gz"
    relation = f"read_csv({literal(str(bill))}, all_varchar=true)" if csv else f"read_parquet({literal(str(bill))})"
    keys = ", ".join(identifier(name) for name in FACT_KEY)
    sums = ", ".join(f"sum(CAST({identifier(name)} AS DOUBLE)) AS {identifier(name)}" for name in SUMMED)
    group = f'CREATE TABLE grouped AS SELECT {keys}, CAST("ChargePeriodStart" AS DATE) AS day, {sums}, count(*) AS n FROM {relation} GROUP BY ALL'  # noqa: E501
    started = time.perf_counter()
    duck.execute(group)
    grouped = time.perf_counter() - started
    row = duck.execute("SELECT count(*) FROM grouped").fetchone()
    duck.close()
    with psycopg.connect(uri) as connection:
        connection.execute("DROP TABLE IF EXISTS reference_charge")
        connection.execute("CREATE TABLE reference_charge (LIKE charge INCLUDING ALL)")
        connection.commit()
        started = time.perf_counter()
        with (
            facts.open("rb") as file,
            connection.cursor() as cursor,
            cursor.copy("COPY reference_charge FROM STDIN (FORMAT binary)") as copy,
        ):
            while data := file.read(1 << 20):
                copy.write(data)
        connection.commit()
        copied = time.perf_counter() - started
        connection.execute("DROP TABLE reference_charge")
    return {"seconds": grouped + copied, "grouped": grouped, "copied": copied, "groups": row[0] if row else 0}


def run_collect(uri: str, home: Path, order: dict[str, Any]) -> dict[str, object]:
    """What ``aispend collect`` does for one collector of one connection.

    ``order`` names ``collector``, ``connection`` (as in the settings), ``now``, and with ``first`` the first day.
    """
    import adbc_driver_postgresql.dbapi  # noqa: F401 - loaded before the clock starts
    import boto3  # noqa: F401
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from aispend.connections import AwsConnection
    from aispend.store import open_store
    from collectors.contract import Window
    from collectors.registry import sources
    from collectors.runner import collect

    connection = AwsConnection.model_validate(order["connection"])
    settings = Settings(home=home, database_url=uri, aws=(connection,))
    now = datetime.fromisoformat(order["now"])
    window = Window(date.fromisoformat(order["first"]), now.date() + timedelta(days=1)) if "first" in order else None
    with open_store(settings, migrate=False) as store:
        wanted = sources(settings, store, lambda: now, [f"{connection.name}/{order['collector']}"])
        started = time.perf_counter()
        (report,) = collect(wanted, store, settings, lambda: now, window=window)
        seconds = time.perf_counter() - started
    troubles = [text for one in report.slices for text in (one.message, *one.notes) if text]
    return {
        "seconds": seconds,
        "loaded": report.loaded,
        "rows": report.rows,
        "requests": report.requests,
        "troubles": [*([report.error] if report.error else []), *troubles],
    }


def peak_mib() -> float:
    """Peak resident memory of this process since it began, in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run what the arguments say and print the result."""
    kind, uri, home, *rest = sys.argv[1:]
    match kind:
        case "import":
            result = run_import(uri, Path(home), Path(rest[0]))
        case "reference":
            result = run_reference(uri, Path(home), Path(rest[0]), Path(rest[1]))
        case _:
            result = run_collect(uri, Path(home), json.loads(rest[0]))
    print(json.dumps(result | {"peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
