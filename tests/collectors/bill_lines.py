"""Bills read to canonical lines through the dialects' own SQL, for tests that look at single lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.engine.line import COST_COLUMNS, DIMENSION_COLUMNS, MEASURE_COLUMNS, TIME_COLUMNS
from aispend.engine.repeated import once_per_line
from aispend.engine.scan import Delivery
from collectors.files import reading
from collectors.files.intake import deliveries

Line = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A delivery with its readable lines, and the reasons of those that are kept aside."""

    delivery: Delivery
    lines: list[Line]
    refused: list[str]

    def total(self, column: str) -> Decimal:
        """Sum of a cost over all lines that give it."""
        return sum((line[column] for line in self.lines if line[column] is not None), Decimal(0))


def amount(units: int | None) -> Decimal | None:
    """Units of 1e-12 as a decimal."""
    return None if units is None else Decimal(units).scaleb(-12)


NAMES = (*DIMENSION_COLUMNS, *TIME_COLUMNS, *MEASURE_COLUMNS)


def read(paths: Sequence[Path] | Path, workdir: Path, columns: Sequence[str] = NAMES) -> list[Read]:
    """Every delivery behind ``paths`` with its canonical lines in file order."""
    found = []
    given = [paths] if isinstance(paths, Path) else list(paths)
    for delivery in deliveries(given, workdir):
        with reading.connect(workdir) as connection:
            # A handful of lines: planning costs more than running, so nothing is optimised.
            connection.execute("SET preserve_insertion_order = true; SET threads = 1; PRAGMA disable_optimizer")
            found.append(_lines(delivery, reading.asker(connection, delivery.files), columns))
    return found


def one(paths: Sequence[Path] | Path, workdir: Path, columns: Sequence[str] = NAMES) -> Read:
    """The only delivery behind ``paths``."""
    (only,) = read(paths, workdir, columns)
    return only


def _lines(delivery: Delivery, ask: Any, names: Sequence[str]) -> Read:
    line = delivery.line
    needed = dict.fromkeys((*names, *(line.finish and ("sku_price_details",))))
    select = ", ".join(f"({line.select.get(name, 'NULL')}) AS {name}" for name in needed)
    bad = ", ".join(f"({check.bad}) IS TRUE" for check in line.checks)
    outer = ", ".join(line.finish.get(name, name) for name in names)
    tags = line.tags_json if "tags" in names else "NULL"
    asked, raw = once_per_line(f"{select}, [{bad}] AS bad", "raw", line.repeated)
    rows = ask(f"SELECT bad, {outer}, {tags} FROM (SELECT {asked} FROM {raw} WHERE {line.where})")
    lines, refused = [], []
    for wrong, *cells, found in rows:
        if any(wrong):
            refused += [check.reason for check, is_bad in zip(line.checks, wrong, strict=True) if is_bad]
            continue
        made = dict(zip(names, cells, strict=True))
        made |= {name: amount(made[name]) for name in names if name in MEASURE_COLUMNS}
        lines.append(made | {"tags": json.loads(found) if found else {}})
    return Read(delivery, lines, refused)


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Rows as CSV under the columns of all of them."""
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


FOCUS_LINE = {
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "ListCost": "2",
    "ContractedCost": "1.75",
    "BillingAccountId": "012345678901",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "ChargePeriodStart": "2026-09-03T07:00:00Z",
    "ChargePeriodEnd": "2026-09-03T08:00:00Z",
    "ChargeCategory": "Usage",
    "ProviderName": "AWS",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "PricingCategory": "Standard",
    "SubAccountId": "000000000042",
    "ResourceId": "i-0abc",
    "Tags": '{"team": "search", "app": "ranker"}',
    "SkuPriceDetails": '{"InstanceType": "p5.48xlarge"}',
}
"""A readable FOCUS line, to be varied."""

COSTS = COST_COLUMNS
