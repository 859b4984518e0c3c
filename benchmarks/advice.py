"""How good the advice is: machines of which the right answer is known, beside what simple rules say of the same data.

Each seed draws machines in classes from easy to deceptive (``labelled_fleet.CLASSES``), which join the sample company.
Its bills, telemetry, usage, workloads and inventory go through the real imports, are analyzed and recommended on. Per
kind and class of machine

    wanted     machines on which a careful engineer wants this advice
    found      of those, the ones that got it, and right: a size also has to carry what really happened
    wrong      advice on machines that must not get it, or that is not right

*precision* is right advice over all that can be told right or wrong, *recall* found over wanted. A machine whose
telemetry the sample lost, or measured under a name nobody can explain, is of the class without telemetry; one younger
than two weeks because its group replaced it is left out. Advice of low confidence counts like any other.

What is right, and the rules beside it, is in ``advice_judge``. Work of which no machine's telemetry decides (tokens,
runs, disks, seats, replicas, commitments, spot) is drawn and delivered beside it, and judged by class likewise:
``labelled_work``.

``python -m benchmarks.advice [--seed N …] [--each N] [--scale X]``
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from aispend.resource_id import canonical
from aispend.schema import recommendation, why_not
from aispend.settings import load_settings
from aispend.store import Store, open_store
from aispend.store.collections import write_history
from analyzer.run import analyze
from benchmarks import rightness
from benchmarks.advice_judge import WINDOW_DAYS, Judged, Labelled, Really, Resource, Said, judge, score
from benchmarks.import_focus import Measure
from benchmarks.labelled_fleet import CLASSES, KINDS, MISSING, PER_CLASS, LabelledFleet, draw
from benchmarks.labelled_work import draw as draw_work
from benchmarks.work_files import Delivered, deliver, load_work
from benchmarks.work_judge import Told, judge_work, told
from benchmarks.work_judge import table as table_of_work
from recommender.run import recommend
from sample.company import SampleCompany, generate

SEEDS = (9301, 9302, 9303)
"""Machines nothing is tuned on: whoever changes the recommender tries it on others, 1 to 20."""
MONTHS = ("2026-09", "2026-10", "2026-11")
SCALE = 0.02
"""The company's other money is of no interest here."""
WITHOUT_TELEMETRY = ("commit", "managed_or_self_host", "storage")
"""Kinds that rest on the bill and on records of use, and need no telemetry of accelerators."""

_SHOWN = 6
"""Answers that differ, named."""

_SLOTS = """
    SELECT n.provider, n.resource_id, m.timestamp, sum(m.memory_used_bytes) AS memory,
           max(m.memory_used_bytes) AS one_card, sum(m.memory_total_bytes) AS total,
           sum(m.gpu_utilization) / 100 AS load, max(m.gpu_utilization) / 100 AS busiest
    FROM read_parquet(?) AS m
    JOIN read_csv(?, header = true, types = {'from': 'TIMESTAMP', 'to': 'TIMESTAMP'}) AS n
      ON n.alias = m.resource_id AND m.timestamp AT TIME ZONE 'UTC' >= n."from"
     AND m.timestamp AT TIME ZONE 'UTC' < n."to"
    GROUP BY ALL ORDER BY ALL"""


def labelled(company: SampleCompany, fleet: LabelledFleet, today: datetime) -> Iterator[Labelled]:
    """The machines of the fleet that still run, with the class they belong to as things came out."""
    of_class = {one.name: one.verdict.state for one in fleet.fleets if one.verdict}
    reserved = {one.name: one.load.memory / one.load.reserved for one in fleet.fleets if one.load.reserved}
    nowhere = {row["resource_id"] for row in _rows(company, "names") if row["known_from"] == "nowhere"}
    began = {row["resource_id"]: datetime.fromisoformat(row["first"]) for row in _rows(company, "machines")}
    measured = really(company)
    for row in _rows(company, "verdicts"):
        if row["fleet"] not in of_class:
            continue
        resource, label = _resource(row), of_class[row["fleet"]]
        blind = row["telemetry"] != "True" or row["resource_id"] in nowhere
        rotated = any(one.name == row["fleet"] and one.rotate_days for one in fleet.fleets)
        if rotated and today.replace(tzinfo=None) - began[row["resource_id"]] < timedelta(days=WINDOW_DAYS + 1):
            continue
        seen = measured.get(resource)
        if seen is not None and row["fleet"] in reserved:
            share = reserved[row["fleet"]]
            seen = Really(**(vars(seen) | {"memory": seen.memory * share, "one_card": seen.one_card * share}))
        yield Labelled(
            resource, row["fleet"], MISSING[0] if blind else label, row["instance_type"], None if blind else seen
        )


def really(company: SampleCompany) -> dict[Resource, Really]:
    """What every machine did, from the samples as they were written."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    found = con.execute(
        _SLOTS, [str(company.metrics / "metrics-5-minutes.parquet"), str(company.truth / "names.csv")]
    ).fetchnumpy()
    result: dict[Resource, Really] = {}
    if not len(found["timestamp"]):
        return result
    names = np.char.add(np.char.add(found["provider"].astype(str), "\x1f"), found["resource_id"].astype(str))
    edges = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1])))
    for start, end in zip(edges, [*edges[1:], len(names)], strict=True):
        provider, given = str(names[start]).split("\x1f")
        part = {name: np.asarray(found[name][start:end], dtype=float) for name in _FIELDS}
        stamps = found["timestamp"][start:end].astype("datetime64[s]")
        result[Resource(provider, canonical(provider, given))] = Really(stamps=stamps, **part)
    return result


_FIELDS = ("memory", "one_card", "total", "load", "busiest")


def _rows(company: SampleCompany, name: str) -> list[dict[str, str]]:
    with (company.truth / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _resource(row: dict[str, str]) -> Resource:
    return Resource(row["provider"], canonical(row["provider"], row["resource_id"]))


def advised(store: Store) -> dict[Resource, list[Said]]:
    """What is recommended, by each resource it acts on.

    Left out are calculations that never count, and machines only suspected to be idle, which wait for their window.
    """
    row = recommendation.c
    found: dict[Resource, list[Said]] = {}
    with store.engine.connect() as connection:
        for one in connection.execute(
            select(row.provider, row.acts_on, row.kind, row.target, row.monthly_saving_net, row.confidence)
            .where(row.state == "open", ~row.estimate_only, (row.kind != "stop_idle") | row.gate.is_(None))
            .order_by(row.id)
        ):
            said = Said(one.kind, one.target, one.monthly_saving_net, one.confidence)
            for name in one.acts_on:
                found.setdefault(Resource(one.provider, name), []).append(said)
    return found


def answers(store: Store) -> set[tuple[str, ...]]:
    """All that was said, advice and reasons, in comparable words."""
    row, no = recommendation.c, why_not.c
    chosen = (
        row.id,
        row.monthly_saving_net,
        row.confidence,
        row.risk,
        row.violation_bound,
        row.reason,
        row.counted_net,
    )
    with store.engine.connect() as connection:
        rows = [
            *connection.execute(select(*chosen)),
            *connection.execute(select(no.provider, no.resource_id, no.kind, no.reason, no.explanation)),
        ]
    return {tuple(map(str, one)) for one in rows}


@dataclass(frozen=True)
class Outcome:
    """What came of one seed."""

    judged: Sequence[Judged]
    from_missing_data: Sequence[tuple[Resource, Said]]
    covered_with_a_saving: Sequence[Resource]
    in_another_order: Sequence[tuple[str, ...]] | None
    """Answers that differ where the same input comes in another order; None where that was not tried."""
    of_work: Sequence[Judged] = ()


def measured(seed: int, scale: float = SCALE, each: int = PER_CLASS, *, reorder: bool = False) -> Outcome:
    """One seed: made, loaded, recommended and judged; with ``reorder`` once more from shuffled input."""
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # the embedded server may run as another user, who must get through
        fleet = draw(seed, each)
        company = generate(
            folder / "company", seed=seed, scale=scale, today=rightness.TODAY, more=fleet.fleets, asked=fleet.asked
        )
        machines = sorted(labelled(company, fleet, rightness.now()), key=lambda one: one.resource)
        work = draw_work(seed, each)
        delivered = deliver(work, folder / "work", company.settings_file)
        first = _advised(company, fleet, delivered, folder / "first")
        said, other = first.said, None
        if reorder:
            again = deliver(work, folder / "work again", company.settings_file, order=seed)
            other = _advised(shuffled(company, seed), fleet, again, folder / "second").answers
    judged = [judge(one, said.get(one.resource, ()), kind) for one in machines for kind in KINDS]
    blind = [
        (one.resource, what)
        for one in machines
        if one.label in MISSING
        for what in said.get(one.resource, ())
        if what.kind not in WITHOUT_TELEMETRY
    ]
    covered = [
        one.resource
        for one in machines
        if one.label == "idle, but committed"
        for what in said.get(one.resource, ())
        if what.kind == "stop_idle" and what.net
    ]
    differ = None if other is None else sorted(first.answers ^ other)
    return Outcome(judged, blind, covered, differ, judge_work(work, first.of_work))


@dataclass(frozen=True)
class _Advised:
    """What one run said: of machines, of work by account, and all of it in comparable words."""

    said: dict[Resource, list[Said]]
    of_work: dict[str, list[Told]]
    answers: set[tuple[str, ...]]


def _advised(company: SampleCompany, fleet: LabelledFleet, work: Delivered, home: Path) -> _Advised:
    home.mkdir(mode=0o711)
    settings = load_settings({"AISPEND_HOME": str(home / "home"), "AISPEND_CONFIG": str(work.settings_file)})
    with open_store(settings) as store:
        rightness.load(company, store, settings, home, MONTHS)
        load_work(work, store, settings)
        _redeploy(store, [_listing(row) for row in _rows(company, "verdicts") if row["fleet"] in fleet.redeployed])
        analyze(store.engine, settings, rightness.now)
        recommend(store.engine, settings, rightness.now)
        return _Advised(advised(store), told(store), answers(store))


def _listing(row: dict[str, str]) -> dict[str, Any]:
    return {"provider": row["provider"], "resource_id": row["resource_id"], "state": "running"}


def _redeploy(store: Store, machines: Sequence[dict[str, Any]]) -> None:
    """Two listings of the machines: since three days they run another model."""
    for days, model in ((40, "before"), (3, "after")):
        with store.engine.begin() as connection:
            write_history(
                connection, source="listing", kind="machine", scope="bench",
                rows=[{**one, "details": {"model": model}} for one in machines],
                now=rightness.now() - timedelta(days=days),
            )  # fmt: skip


def shuffled(company: SampleCompany, seed: int) -> SampleCompany:
    """The same company with every row of its telemetry, usage, workloads and inventory in another place."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    files = [*company.metrics.glob("*.parquet"), company.usage / "usage-hourly.parquet", company.workloads]
    for file in files:
        other = file.with_suffix(".other")
        con.execute(
            f"COPY (SELECT * FROM read_parquet('{file}') ORDER BY hash(resource_id, timestamp, {seed}))"
            f" TO '{other}' (FORMAT parquet)"
        )
        shutil.move(other, file)
    head, *rows = company.inventory.read_text(encoding="utf-8").splitlines()
    random.Random(seed).shuffle(rows)
    company.inventory.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return SampleCompany(**(vars(company) | {"bills": company.bills[::-1]}))


def measures(outcomes: Sequence[Outcome]) -> Iterator[Measure]:
    """The limits, on all seeds together."""
    judged = [one for outcome in outcomes for one in outcome.judged]
    idle = [one for one in judged if one.kind == "stop_idle"]
    ours, rule = score(idle), score(idle, baseline=True)
    beside = f"AWS's rule: precision {_percent(rule.precision)}, recall {_percent(rule.recall)}"
    if ours.precision is not None:
        low = sum(one.right is False and one.said is not None and one.said.confidence == "low" for one in idle)
        words = f"{ours.wrong} wrong, {low} of them said to be suspected only; {beside}"
        yield Measure("idle advice that is wrong", 100 - ours.precision, 1, " %", words)
    if ours.recall is not None:
        yield Measure("idle machines not found", 100 - ours.recall, 5, " %", f"of {ours.wanted} measured; {beside}")
    blind = [one for outcome in outcomes for one in outcome.from_missing_data]
    said = ", ".join(sorted({f"{what.kind} {resource.id}" for resource, what in blind})[:3]) or "none"
    yield Measure("advice from missing data", len(blind), 0, "", said)
    sized = [one for one in judged if one.carries is not None]
    breaches = sum(one.carries.memory_slots for one in sized if one.carries)
    card = sum(one.carries.card_slots > 0 for one in sized if one.carries)
    words = f"{len(sized)} sizes on 30 days each; {card} put one card's memory on smaller cards"
    yield Measure("slots in which memory would not fit the size advised", breaches, 0, "", words)
    covered = [one for outcome in outcomes for one in outcome.covered_with_a_saving]
    yield Measure("idle but committed, with a saving promised", len(covered), 0, "", "net of commitments it is 0")
    for outcome in outcomes:
        if outcome.in_another_order is not None:
            yield Measure(
                "answers that differ in another order of input",
                len(outcome.in_another_order),
                0,
                "",
                "; ".join(["first seed, all rows", *(" | ".join(one) for one in outcome.in_another_order[:_SHOWN])]),
            )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def table(judged: Sequence[Judged]) -> Iterator[str]:
    """Per kind and class: wanted, found, advice right and wrong, precision and recall, and the baseline's."""
    for kind in KINDS:
        rows = [one for one in judged if one.kind == kind]
        has_rule = kind in ("stop_idle", "rightsize")
        yield f"{kind:<34}{'machines':>8}{'wanted':>7}{'found':>6}{'right':>6}{'wrong':>6}" + (
            f"   {'rule: found':>11}{'wrong':>6}" if has_rule else ""
        )
        for one in CLASSES:
            mine = [row for row in rows if row.label == one.name]
            if mine:
                yield _line(one.name, mine, has_rule)
        yield _line("in all", rows, has_rule)
        ours, rule = score(rows), score(rows, baseline=True)
        words = f"  precision {_percent(ours.precision)}, recall {_percent(ours.recall)}"
        if has_rule:
            words += f"; the rule {_percent(rule.precision)}, {_percent(rule.recall)}"
        low = Counter(row.right for row in rows if row.said is not None and row.said.confidence == "low")
        yield f"{words}; of low confidence {low[True]} right, {low[False]} wrong"


def _line(name: str, rows: Sequence[Judged], has_rule: bool) -> str:
    ours, rule = score(rows), score(rows, baseline=True)
    line = f"  {name:<32}{len(rows):>8}{ours.wanted:>7}{ours.found:>6}{ours.right:>6}{ours.wrong:>6}"
    return line + (f"   {rule.found:>11}{rule.wrong:>6}" if has_rule else "")


def main() -> int:
    """Print the table and the limits; 1 where one is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.advice", description="How good the advice is.")
    parser.add_argument("--seed", type=int, nargs="*", default=SEEDS, help="machines; default: nothing is tuned on")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the company's other money")
    parser.add_argument("--each", type=int, default=PER_CLASS, help="machines of each class")
    parser.add_argument("--wrong", action="store_true", help="name each machine that was judged wrongly")
    arguments = parser.parse_args()
    outcomes = [
        measured(seed, SCALE * arguments.scale, arguments.each, reorder=number == 0)
        for number, seed in enumerate(arguments.seed)
    ]
    judged = [one for outcome in outcomes for one in outcome.judged]
    of_work = [one for outcome in outcomes for one in outcome.of_work]
    print(*table(judged), *table_of_work(of_work), sep="\n", flush=True)
    if arguments.wrong:
        print(*sorted(_mistakes([*judged, *of_work])), sep="\n", flush=True)
    kept = True
    for measure in measures(outcomes):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


def _mistakes(judged: Iterable[Judged]) -> Iterator[str]:
    for one in judged:
        if one.right is False or (one.wanted and not one.right):
            yield f"{one.kind} | {one.label} | {one.fleet} {one.resource.id} | {one.said} {one.carries or ''}"


if __name__ == "__main__":
    sys.exit(main())
