"""How right the attribution is: companies no test and no tuning looks at, against what really happened in them.

Each company's bills, telemetry, inventory and settings of two months are loaded as a real one's are, and analyzed. Its
truth, which no product code opens, names the real user of every charge. Per resource (or none), SKU and day, and per
field (model, team, stage), money is

    right         our share for a user, where the truth has it for that user; nobody's where nobody used it
    wrong         our share for somebody who did not use it
    unattributed  somebody's, and we name nobody

Beside it stands what a reader of tags gets from the same lines: the tag decides, else nobody. A stage nobody can have
(idle, unknown) is nobody's. Amounts of different currencies are not added: each currency is judged by itself, against
the same limits. What the truth calls without signal may still be told by a rule, the rest of the fleet or the platform;
what is named there must be right.

A *signal* for model and team is what the truth calls one. For the stage, of which tags seldom speak, it is a stage tag,
a rule, an API of the platform for one stage alone, or a record of use or of a workload on the resource and day.

``python -m benchmarks.rightness [--seed N …] [--scale X]``
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from aispend.cli.trial_azure import azure_serving
from aispend.cli.trial_cloud import collect_from
from aispend.cli.trial_gcp import google_serving
from aispend.clock import next_month
from aispend.resource_id import canonical
from aispend.settings import Settings, load_settings
from aispend.store import Store, open_store
from analyzer.attribution import Attributor, Subject
from analyzer.run import analyze
from benchmarks.import_focus import Measure
from collectors.azure.cloud import Azure
from collectors.contract import Window
from collectors.files.bills import import_bills
from collectors.files.inventory import import_inventory
from collectors.files.metrics import import_metrics
from collectors.files.usage import import_usage
from collectors.files.workloads import import_workloads
from collectors.gcp.cloud import Gcp
from reports.home_first import currency_order
from sample.azure_holdings import COLLECTED_DAYS
from sample.company import SampleCompany, generate
from sample.story import AWS_FLEETS

if TYPE_CHECKING:
    import duckdb

SEEDS = (9101, 9102, 9103)
"""Companies that nothing else uses: whoever changes the analyzer tries it on others."""
MONTHS = ("2026-09", "2026-10")
TODAY = date(2026, 11, 21)
FIELDS = ("model", "team", "stage")
CLASSES = ("tagged", "untagged_with_signal", "shared_node", "token_api", "wrong_tag", "no_signal")
"""Difficulties of lines that somebody used; commitments and credits nobody used are not asked about."""
RIGHT = Decimal("0.97")
"""Least part, of the spend for which a signal exists, that must be right."""
WRONG = Decimal("0.01")
"""Most of all spend that may be put upon somebody who did not use it."""

_SHARES = """
    SELECT a.provider, k.billing_currency AS currency, c.charge_date, r.resource_id AS resource, sk.sku_id,
           c.tag_set_key, t.model, t.team, nullif(t.stage, 'unknown') AS stage, sum(s.effective_cost) AS cost
    FROM charge c
    JOIN (SELECT sku_key, sku_id FROM sku) AS sk USING (sku_key)
    JOIN account a USING (account_key)
    JOIN resource r USING (resource_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    WHERE k.charge_category = 'Usage' AND s.effective_cost <> 0
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"""

_TAGS = "SELECT tag_set_key, tags FROM tag_set"

_TRUTH = """
    CREATE TABLE truth AS
    SELECT t.provider, t.currency, t.charge_date, n.canonical AS resource, t.sku_id, t.difficulty, t.model, t.team,
           CASE WHEN t.stage NOT IN ('idle', 'unknown') THEN t.stage END AS stage, sum(t.effective_cost) AS cost
    FROM read_parquet(?) AS t JOIN names n ON n.provider = t.provider AND n.given = coalesce(t.resource_id, '')
    WHERE t.is_ai AND t.charge_category = 'Usage' AND list_contains(?, strftime(t.billing_month, '%Y-%m'))
          AND list_contains(?, t.difficulty)
    GROUP BY ALL"""

_RECORDED = """
    CREATE TABLE recorded AS
    SELECT DISTINCT n.canonical AS resource, day
    FROM (SELECT lower(resource_id) AS alias, timestamp AS at, CAST(timestamp AS date) AS day FROM read_parquet($usage)
          WHERE requests > 0
          UNION ALL SELECT lower(resource_id), timestamp, CAST(timestamp AS date) FROM read_parquet($workloads)) AS r
    JOIN read_csv($machines, header = true, all_varchar = true) AS m
      ON lower(m.alias) = r.alias AND r.at >= CAST(m.first AS timestamptz) AND r.at < CAST(m.last AS timestamptz)
    JOIN names n ON n.provider = m.provider AND n.given = m.resource_id"""
"""Resources and days of which a record of use or of a workload says what ran."""

_LINES = """
    CREATE TABLE line AS
    SELECT l.*, difficulty IN ('shared_node', 'token_api') OR r.day IS NOT NULL OR o.canonical IS NOT NULL
               OR t.resource IS NOT NULL AS stage_told
    FROM (SELECT provider, currency, charge_date, resource, coalesce(sku_id, '') AS sku,
                 arg_max(difficulty, cost) AS difficulty FROM truth GROUP BY ALL) AS l
    LEFT JOIN recorded r ON r.resource = l.resource AND r.day = l.charge_date
    LEFT JOIN (SELECT DISTINCT n.canonical FROM one_stage JOIN names n ON n.given = one_stage.resource_id) AS o
           ON o.canonical = l.resource
    LEFT JOIN (SELECT DISTINCT provider, charge_date, resource FROM ours WHERE stage_tag IS NOT NULL) AS t
           ON t.provider = l.provider AND t.charge_date = l.charge_date AND t.resource = l.resource"""

_KEY = "provider, currency, charge_date, resource, coalesce(sku_id, '')"

_OUTCOMES = f"""
    WITH really AS (SELECT {_KEY} AS sku, {{field}} AS who, sum(cost) AS really FROM truth GROUP BY ALL),
    said AS (SELECT {_KEY} AS sku, {{said}} AS who, sum(cost) AS said FROM ours GROUP BY ALL),
    both_ AS (SELECT * FROM (SELECT *, coalesce(who, '') AS name FROM really)
              FULL JOIN (SELECT * EXCLUDE (who), coalesce(who, '') AS name FROM said)
              USING (provider, currency, charge_date, resource, sku, name))
    SELECT currency, l.difficulty, l.difficulty <> 'no_signal' AND ('{{field}}' <> 'stage' OR l.stage_told) AS signal,
           sum(coalesce(really, 0)), coalesce(sum(least(really, said)) FILTER (WHERE really > 0 AND said > 0), 0),
           coalesce(sum(greatest(said - coalesce(really, 0), 0)) FILTER (WHERE name <> ''), 0)
    FROM both_ b
    JOIN line l USING (provider, currency, charge_date, resource, sku)
    GROUP BY 1, 2, 3"""
"""Per currency, difficulty and whether there is a signal: what there was, what was said right, what wrong."""


@dataclass(frozen=True)
class Outcome:
    """Money of some lines: in all, put upon the right one, and upon a wrong one."""

    total: Decimal = Decimal(0)
    right: Decimal = Decimal(0)
    wrong: Decimal = Decimal(0)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.total + other.total, self.right + other.right, self.wrong + other.wrong)

    def __str__(self) -> str:
        if not self.total:
            return "nothing"
        left = self.total - self.right - self.wrong
        right, wrong, left = (100 * amount / self.total for amount in (self.right, self.wrong, left))
        return f"{right:6.2f} {wrong:6.2f} {left:6.2f}"


@dataclass(frozen=True)
class Found:
    """What is said of one field of lines of one currency, difficulty and with or without a signal."""

    currency: str
    field: str
    difficulty: str
    signal: bool
    ours: Outcome
    tags: Outcome


def load(company: SampleCompany, store: Store, settings: Settings, folder: Path, months: Sequence[str]) -> None:
    """Bills, usage and workloads of these months, all utilization there is, and the inventory.

    Each by its import, and what Azure and Google tell beside their bills by their collectors.
    """
    import duckdb

    for month in months:
        for bill in company.bills:
            delivered = [path for path in bill.glob("**/*") if path.is_file() and path.suffix != ".json"]
            parts = [one for one in delivered if f"={month}/" in str(one) or f"/{month.replace('-', '')}" in str(one)]
            if not parts:
                raise ValueError(f"{bill} has nothing of {month}")
            import_bills(sorted(parts), store, settings, now)
    import_inventory([company.inventory], store, settings, now)
    import_metrics([company.metrics], store, settings, now)
    wanted = f"list_contains({list(months)}, strftime(timestamp AT TIME ZONE 'UTC', '%Y-%m'))"
    for name, source in (("usage", company.usage / "usage-hourly.parquet"), ("workloads", company.workloads)):
        duckdb.execute(f"COPY (SELECT * FROM '{source}' WHERE {wanted}) TO '{folder / name}.parquet'")
    import_usage([folder / "usage.parquet"], store, settings, now)
    import_workloads([folder / "workloads.parquet"], store, settings, now)
    first, last = (date.fromisoformat(f"{month}-01") for month in (min(months), max(months)))
    collected = Window(max(first, TODAY - timedelta(days=COLLECTED_DAYS)), next_month(last))
    with azure_serving({}, company.azure) as azure, google_serving(company) as google:
        collect_from(Azure(), azure, store, settings, None, kinds=("inventory",), clock=now)
        collect_from(Gcp(), google, store, settings, None, kinds=("inventory",), clock=now)
        if collected.first < collected.end:
            measured = ("utilization", "usage")
            collect_from(Azure(), azure, store, settings, None, kinds=measured, window=collected, clock=now)
            collect_from(Gcp(), google, store, settings, None, kinds=measured, window=collected, clock=now)


def now() -> datetime:
    """The clock of all that is measured here."""
    return datetime(TODAY.year, TODAY.month, TODAY.day, 6, tzinfo=UTC)


def compare(company: SampleCompany, store: Store, settings: Settings, months: Sequence[str]) -> list[Found]:
    """What our shares, and tags alone, say of the AI usage of these months, beside the truth."""
    return outcomes(beside_truth(company, store, settings, months))


def outcomes(con: duckdb.DuckDBPyConnection) -> list[Found]:
    """The same of what stands in the tables of :func:`beside_truth`."""
    found = []
    for field in FIELDS:
        rows: dict[tuple[str, str, bool], list[Outcome]] = {}
        for said in (field, f"{field}_tag"):
            for currency, difficulty, signal, *amounts in con.execute(
                _OUTCOMES.format(field=field, said=said)
            ).fetchall():
                rows.setdefault((currency, difficulty, signal), []).append(Outcome(*map(Decimal, amounts)))
        found += [Found(key[0], field, *key[1:], *both) for key, both in rows.items()]
    return found


def beside_truth(
    company: SampleCompany, store: Store, settings: Settings, months: Sequence[str]
) -> duckdb.DuckDBPyConnection:
    """A connection with ``truth`` and ``line`` (AI usage of the months) and ``ours``: shares, and what tags say."""
    import duckdb
    import pyarrow as pa

    with store.engine.connect() as connection:
        shares = [dict(row) for row in connection.execute(text(_SHARES)).mappings()]
        tag_sets = connection.execute(text("SELECT tag_set_key, tags FROM tag_set")).all()
    by_tags = {key: _tags_alone(Attributor((), settings.tags), tags or {}) for key, tags in tag_sets}
    untagged = dict.fromkeys(f"{field}_tag" for field in FIELDS)
    charges = str(company.truth / "charges.parquet")
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    given = con.execute(
        "SELECT DISTINCT provider, coalesce(resource_id, '') FROM read_parquet(?)", [charges]
    ).fetchall()
    tables = {
        "ours": [share | by_tags.get(share["tag_set_key"], untagged) for share in shares],
        "names": [{"provider": of, "given": id_, "canonical": id_ and canonical(of, id_)} for of, id_ in given],
        "one_stage": [{"resource_id": one} for one in _of_one_stage(company)],
    }
    for name, rows in tables.items():
        con.register(f"{name}_rows", pa.Table.from_pylist(rows))
        con.execute(f"CREATE TABLE {name} AS FROM {name}_rows")
    con.execute(_TRUTH, [charges, list(months), list(CLASSES)])
    records = {"usage": company.usage / "usage-hourly.parquet", "workloads": company.workloads}
    files = records | {"machines": company.truth / "machines.csv"}
    con.execute(_RECORDED, {name: str(path) for name, path in files.items()})
    con.execute(_LINES)
    return con


def _tags_alone(reader: Attributor, tags: dict[str, Any]) -> dict[str, str | None]:
    decided = reader.decide(Subject("", tags={key: str(value) for key, value in tags.items()}), TODAY)
    return {f"{field}_tag": getattr(decided, field).value for field in FIELDS}


def _of_one_stage(company: SampleCompany) -> list[str]:
    """Resources of an API that serves one stage alone: SageMaker's endpoints, training jobs and notebooks."""
    fleets = [fleet.name for fleet in AWS_FLEETS if fleet.platform in ("endpoint", "training_job", "notebook")]
    with (company.truth / "machines.csv").open(encoding="utf-8", newline="") as file:
        return [row["resource_id"] for row in csv.DictReader(file) if row["fleet"] in fleets]


def attributed(seed: int, scale: float = 1.0, months: Sequence[str] = MONTHS) -> list[Found]:
    """One company, made, loaded, analyzed and compared in a database of its own."""
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # the embedded server may run as another user, who must get through
        company = generate(folder / "company", seed=seed, scale=scale, today=TODAY)
        settings = load_settings({"AISPEND_HOME": str(folder / "home"), "AISPEND_CONFIG": str(company.settings_file)})
        with open_store(settings) as store:
            load(company, store, settings, folder, months)
            analyze(store.engine, settings, now)
            return compare(company, store, settings, months)


_JUDGED = {
    "signal": "where a signal exists",
    "every": "in all",
    "none": "where no signal exists",
}
"""Lines that are judged, each with a limit of its own."""


def measures(found: Sequence[Found]) -> Iterator[Measure]:
    """The limits on what all companies together spent, in each currency.

    What a currency has none of is left out there; what no currency has was not judged, which keeps no limit.
    """
    for currency in in_order(found):
        yield from _measures_in(currency, [one for one in found if one.currency == currency])
    for field, (lines, words) in product(FIELDS, _JUDGED.items()):
        if not any(_lines([one for one in found if one.field == field], lines)):
            yield Measure(f"{field} {words}", 1, 0, "", "there was nothing to judge")


def in_order(found: Sequence[Found]) -> list[str]:
    """Currencies with any AI usage, the dollar first, then by code."""
    return sorted({one.currency for one in found if one.ours.total}, key=currency_order("USD"))


def _lines(found: Iterable[Found], lines: str) -> list[Found]:
    chosen = (
        one for one in found if lines == "every" or (one.signal if lines == "signal" else one.difficulty == "no_signal")
    )
    return [one for one in chosen if one.ours.total]


def _measures_in(currency: str, found: Sequence[Found]) -> Iterator[Measure]:
    for field in FIELDS:
        rows = [one for one in found if one.field == field]
        signal, every, none = (
            sum((one.ours for one in _lines(rows, lines)), Outcome()) for lines in ("signal", "every", "none")
        )
        naive = sum((one.tags for one in _lines(rows, "signal")), Outcome())
        if signal.total:
            missed = _percent(signal.total - signal.right, signal.total)
            words = f"{signal.total:,.0f} {currency}: right {_percent(signal.right, signal.total):.2f} %"
            words += f", by tags alone {_percent(naive.right, naive.total):.2f} %"
            name = f"{currency}, {field} not right {_JUDGED['signal']}"
            yield Measure(name, missed, 100 * float(1 - RIGHT), " %", words)
        if every.total:
            wrong, words = _percent(every.wrong, every.total), f"{every.total:,.0f} {currency}"
            yield Measure(f"{currency}, {field} put upon somebody else", wrong, 100 * float(WRONG), " %", words)
        if none.total:
            words = f"{none.total:,.0f} {currency}: named right by rule, fleet or platform"
            words += f" {_percent(none.right, none.total):.2f} %, else nobody's"
            name = f"{currency}, {field} put upon somebody {_JUDGED['none']}"
            yield Measure(name, _percent(none.wrong, none.total), 0, " %", words)


def _percent(amount: Decimal, total: Decimal) -> float:
    return float(100 * amount / total) if total else 0.0


def table(found: Sequence[Found]) -> Iterator[str]:
    """Per currency, field and difficulty: right, wrong and left unattributed in percent, beside tags alone."""
    yield f"{'':<34}{'amount':>12}   right  wrong   left    tags: right  wrong   left"
    for currency, field in product(in_order(found), FIELDS):
        rows = [one for one in found if (one.currency, one.field) == (currency, field)]
        for name in (*CLASSES, "in all"):
            chosen = [one for one in rows if name in (one.difficulty, "in all")]
            ours, tags = (sum((getattr(one, whose) for one in chosen), Outcome()) for whose in ("ours", "tags"))
            if ours.total:
                yield f"{currency} {field:<6}{name:<24}{ours.total:>12,.0f}  {ours}         {tags}"


def main() -> int:
    """Print the table and the limits; 1 where one is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rightness", description="How right attribution is.")
    parser.add_argument(
        "--seed", type=int, nargs="*", default=SEEDS, help="companies; default: those nothing else uses"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    arguments = parser.parse_args()
    found = [one for seed in arguments.seed for one in attributed(seed, arguments.scale)]
    print(*table(found), sep="\n", flush=True)
    kept = True
    for measure in measures(found):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
