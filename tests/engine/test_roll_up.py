"""The roll-up against bills small enough to add up by hand."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aispend.engine import run
from aispend.engine.duck import DuckEngine
from aispend.engine.line import COST_COLUMNS
from aispend.engine.result import RollUpSummary
from aispend.engine.scan import Delivery
from aispend.keys import content_key
from aispend.settings import Engine, Rule, TagKeys
from analyzer.attribution import Attributor, Subject
from tests.engine.bills import COSTS, bill_line, classify, csv_delivery, csv_text, mapping, parquet_delivery

WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
SEPTEMBER = date(2026, 9, 1)


@pytest.fixture
def engine(tmp_path: Path) -> DuckEngine:
    return DuckEngine(Engine(), tmp_path / "work")


def rolled(engine: DuckEngine, delivery: Delivery, **words: Any) -> tuple[RollUpSummary, list[dict[str, Any]]]:
    """Summary and facts, each fact with its natural values instead of keys."""
    with engine.roll_up(delivery, classify, **words) as result:
        ids = {one.key: place for place, one in enumerate(result.summary.slices)}
        facts = result.facts(ids, half=delivery.line.half).read_all().to_pylist()
        tables = {
            name: {row[f"{name}_key"]: row for row in result.dimension(name).read_all().to_pylist()}
            for name in ("account", "sku", "location", "resource", "tag_set", "charge_kind")
        }
        for fact in facts:
            for name, rows in tables.items():
                fact[name] = rows.get(fact[f"{name}_key"])
        return result.summary, facts


def test_hours_of_a_day_become_one_fact(engine: DuckEngine, tmp_path: Path) -> None:
    gpu = {"description": "gpu machine", "resource": "i-0a", "region": "us-east-1", "tags": '{"user:team":"vision"}'}
    lines = [
        bill_line(**gpu, billed="1.25", start="2026-09-03 05:00:00", end="2026-09-03 06:00:00"),
        bill_line(**gpu, billed="0.75", start="2026-09-03 07:00:00", end="2026-09-03 08:00:00"),
        bill_line(**gpu, billed="2", start="2026-09-04 00:00:00", end="2026-09-04 01:00:00"),
    ]

    summary, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    by_day = {fact["charge_date"]: fact for fact in facts}
    assert [
        (day.day, fact["billed_cost"], fact["line_count"], fact["hours"]) for day, fact in sorted(by_day.items())
    ] == [
        (3, Decimal("2.000000000000"), 2, 1 << 5 | 1 << 7),
        (4, Decimal("2.000000000000"), 1, 1 << 0),
    ]
    third = by_day[date(2026, 9, 3)]
    assert third["resource"]["resource_id"] == "i-0a"
    assert third["resource"]["accelerators"] == 8
    assert (third["resource"]["first_seen"], third["resource"]["last_seen"]) == (date(2026, 9, 3), date(2026, 9, 4))
    assert third["tag_set"]["tags"] == '{"user:team":"vision"}'
    assert third["location_key"] == content_key("aws", "us-east-1", None, None)
    assert third["resource_key"] == content_key("aws", "i-0a")
    assert third["tag_set_key"] == content_key('{"user:team":"vision"}')
    assert summary.slices[0].totals == {"USD": dict.fromkeys(COST_COLUMNS, Decimal(3)) | {"billed_cost": Decimal(4)}}


def test_spend_that_is_not_ai_loses_resource_tags_and_hours(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(resource="i-1", tags='{"a":"1"}'),
        bill_line(resource="i-2", tags='{"a":"2"}', start="2026-09-03 09:00:00", end="2026-09-03 10:00:00"),
    ]

    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert [(f["resource_key"], f["tag_set_key"], f["hours"], f["line_count"]) for f in facts] == [(0, 0, None, 2)]


def test_a_machines_other_charges_follow_its_accelerator(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(resource="vm-1", description="gpu"),
        bill_line(resource="vm-1", description="cores"),
        bill_line(resource="vm-2", description="cores"),
    ]

    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert sorted((f["sku"]["charge_description"], f["resource_key"] != 0) for f in facts) == [
        ("cores", False),
        ("cores", True),
        ("gpu", True),
    ]


def rule(name: str, match: dict[str, Any], ai: bool, **words: Any) -> Rule:
    return Rule.model_validate({"name": name, "match": match, "set": {"ai": ai}, **words})


def test_a_model_tag_and_the_users_rules_decide_what_is_ai(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(resource="tagged", tags='{"user:Model":"llama"}'),
        bill_line(resource="empty-tag", tags='{"model":""}'),
        bill_line(resource="by-rule", service="Batch"),
        bill_line(resource="by-rule-late", service="Batch", start="2026-09-20 05:00:00", end="2026-09-20 06:00:00"),
        bill_line(resource="not-ai", description="gpu", tags='{"user:purpose":"Gaming night"}'),
    ]
    rules = [
        rule("games", {"tags": {"purpose": "gaming*"}}, ai=False),
        rule("batch", {"service": "batc?"}, ai=True, valid_to="2026-09-10"),
    ]

    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)), rules=rules)

    kept = {fact["resource"]["resource_id"] for fact in facts if fact["resource_key"]}
    assert kept == {"tagged", "by-rule"}


def test_a_key_of_the_settings_names_models_in_whatever_form(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [bill_line(resource="tagged", tags='{"user_llm":"llama"}'), bill_line(resource="other", tags='{"x":"y"}')]
    delivery = csv_delivery(tmp_path / "a.csv", csv_text(lines))
    _, facts = rolled(engine, delivery, tag_keys=TagKeys(model=("user:LLM",)))
    assert {fact["resource"]["resource_id"] for fact in facts if fact["resource_key"]} == {"tagged"}


def test_a_key_of_the_settings_and_of_a_rule_is_found_in_a_report_in_columns(
    engine: DuckEngine, tmp_path: Path
) -> None:
    lines = [
        bill_line(resource="model", tags='{"user_llm_name":"llama"}'),
        bill_line(resource="rule", tags='{"user_cost_center":"ml"}'),
        bill_line(resource="first", tags='{"cost_center":"ml","user:cost-center":"web"}'),
        bill_line(resource="empty", tags='{"cost_center":"ml","user:cost-center":""}'),
    ]
    rules = [rule("ml", {"tags": {"cost-center": "ml"}}, ai=True)]
    delivery = csv_delivery(tmp_path / "a.csv", csv_text(lines))
    _, facts = rolled(engine, delivery, rules=rules, tag_keys=TagKeys(model=("llm-name",)))
    kept = {fact["resource"]["resource_id"] for fact in facts if fact["resource_key"]}
    assert kept == {"model", "rule", "empty"}


@pytest.mark.parametrize(
    ("tags", "fleet"),
    [
        ('{"resourceTags/aws:autoscaling:groupName":"asg"}', "asg"),
        ('{"aws_autoscaling_group_name":"asg"}', "asg"),
        ('{"user_aws_autoscaling_group_name":"mine"}', None),
        ('{"user_karpenter_sh_nodepool":"pool","user_eks_eks_cluster_name":"c"}', "c/pool"),
        ('{"eks_nodegroup_name":"pool","user:eks:cluster-name":""}', "pool"),
        ('{"goog-k8s-node-pool-name":"pool","goog-k8s-cluster-name":"c"}', "c/pool"),
    ],
)
def test_a_fleet_is_found_however_the_bill_writes_its_tag(
    engine: DuckEngine, tmp_path: Path, tags: str, fleet: str | None
) -> None:
    lines = [bill_line(resource="i-1", description="gpu", tags=tags)]
    _, (fact,) = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))
    assert fact["resource"]["fleet"] == fleet


def test_a_rule_fits_the_same_tags_as_in_the_analysis(engine: DuckEngine, tmp_path: Path) -> None:
    keys = ("cost-center", "user:Cost-Center", "user_cost_center", "CostCenter", "aws:cost-center", "center")
    sets = [
        dict(zip(pair, values, strict=True))
        for pair in combinations(keys, 2)
        for values in product(("ml", "", "web", "ML "), repeat=2)
    ]
    lines = [bill_line(resource=f"r{place}", tags=json.dumps(tags)) for place, tags in enumerate(sets)]
    rules = [rule(glob, {"tags": {"cost-center": glob}}, ai=True) for glob in ("ml", "")]
    for one in rules:
        _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)), rules=[one])
        kept = {fact["resource"]["resource_id"] for fact in facts if fact["resource_key"]}
        asked = Attributor([one], TagKeys())
        fitting = {
            f"r{place}" for place, tags in enumerate(sets) if asked.decide(Subject("aws", tags=tags), SEPTEMBER).is_ai
        }
        assert 0 < len(fitting) < len(sets)
        assert kept == fitting


def test_currencies_and_months_and_accounts_are_kept_apart(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(billed="1"),
        bill_line(billed="10", currency="EUR"),
        bill_line(billed="100", account="222"),
        bill_line(billed="1000", month="2026-08-01", start="2026-08-03 05:00:00", end="2026-08-03 06:00:00"),
    ]

    summary, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    totals = {
        (one.key.scope, one.key.month.month, currency): costs["billed_cost"]
        for one in summary.slices
        for currency, costs in one.totals.items()
    }
    assert totals == {("111", 9, "USD"): 1, ("111", 9, "EUR"): 10, ("222", 9, "USD"): 100, ("111", 8, "USD"): 1000}
    assert sorted((f["billed_cost"], f["charge_kind"]["billing_currency"]) for f in facts) == [
        (1, "USD"),
        (10, "EUR"),
        (100, "USD"),
        (1000, "USD"),
    ]


def test_a_charge_longer_than_a_day_keeps_its_end(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(start="2026-09-01 00:00:00", end="2026-10-01 00:00:00"),
        bill_line(start="2026-09-02 00:00:00", end="2026-09-03 00:00:00"),
        bill_line(start="2026-09-03 00:00:00", end=None),
    ]

    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert sorted((f["charge_date"].day, f["charge_end_date"]) for f in facts) == [
        (1, date(2026, 10, 1)),
        (2, None),
        (3, None),
    ]


def test_unknown_costs_stay_unknown(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [bill_line(list="", contracted="NULL"), bill_line(list="", contracted="2")]

    summary, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert {(f["list_cost"], f["contracted_cost"]) for f in facts} == {(None, None), (None, Decimal(2))}
    assert "list_cost" not in summary.slices[0].totals["USD"]


@pytest.mark.parametrize("small", [True, False])
def test_a_line_without_a_cost_is_not_summed_with_lines_that_have_it(
    engine: DuckEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    """Effective 2 of one line is not the effective cost of both; that of the other is unknown."""
    for bound in ("_SMALL_ROWS", "_SMALL_BYTES") if not small else ():
        monkeypatch.setattr(run, bound, 0)
    lines = [
        bill_line(billed="2", effective="2"),
        bill_line(billed="5", effective=None),
        bill_line(billed="7", effective=None),
    ]
    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))
    assert sorted((fact["billed_cost"], fact["effective_cost"], fact["line_count"]) for fact in facts) == [
        (Decimal(2), Decimal(2), 1),
        (Decimal(12), None, 2),
    ]


@pytest.mark.parametrize(("half", "missing"), [(1, "effective_cost"), (2, "billed_cost")])
def test_half_of_a_pair_leaves_the_others_column_unknown(
    engine: DuckEngine, tmp_path: Path, half: int, missing: str
) -> None:
    delivery = csv_delivery(tmp_path / "a.csv", csv_text([bill_line()]), line=mapping(half=half))

    _, facts = rolled(engine, delivery)

    assert {name for name in COST_COLUMNS if facts[0][name] is None} == {missing}


def test_an_effective_cost_of_zero_on_paid_usage_is_flagged(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(billed="5", effective="0"),
        bill_line(billed="3", effective="0"),
        bill_line(billed="2", effective="2"),
        bill_line(billed="9", effective="0", category="Purchase"),
    ]

    summary, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    (flag,) = summary.slices[0].flags
    assert (flag.flag, flag.lines, flag.amount) == ("effective_zero_on_paid_usage", 2, 8)
    assert "trust billed cost" in flag.explanation
    assert {f["charge_kind"]["flag"] for f in facts if f["billed_cost"] == 8} == {"effective_zero_on_paid_usage"}


def test_one_text_and_its_other_spellings_are_one_resource(engine: DuckEngine, tmp_path: Path) -> None:
    arn = "arn:aws:ec2:us-east-1:111:instance/i-0ab"
    lines = [bill_line(description="gpu", resource=arn), bill_line(description="gpu", resource="i-0ab")]

    _, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert [(f["resource"]["resource_id"], f["line_count"]) for f in facts] == [("i-0ab", 2)]


def test_the_rounding_of_a_slice_is_told_exactly(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(billed="0.00000000000049"),
        bill_line(billed="0.0000000000005000001"),
        bill_line(billed="2.5E-12"),
    ]

    summary, facts = rolled(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    rounded = Decimal("0.000000000003")  # 0, 1 and (half to even) 2
    raw = Decimal("0.0000000000034900001")
    assert sum(f["billed_cost"] for f in facts) == rounded
    assert summary.slices[0].totals["USD"]["billed_cost"] == raw
    assert summary.slices[0].residuals["USD"]["billed_cost"] == raw - rounded


amounts = st.one_of(
    st.none(),
    st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=14).map(lambda d: format(d, "f")),
    # from 1e-7 up: the shortest text of a double then has at most 24 decimals, which sums keep exactly
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda d: d == 0 or abs(d) >= 1e-7).map(repr),
    st.integers(-9999, 9999).map(lambda n: f"{n}.5E-12"),
)
bill_lines = st.lists(
    st.builds(
        bill_line,
        account=st.sampled_from(["111", "222"]),
        currency=st.sampled_from(["USD", "EUR", "JPY"]),
        description=st.sampled_from(["gpu", "disk", "gpu spot"]),
        resource=st.sampled_from([None, "i-1", "i-2"]),
        tags=st.sampled_from([None, '{"team":"a"}', '{"model":"m"}']),
        start=st.sampled_from(["2026-09-03 05:00:00", "2026-09-03 06:00:00", "2026-09-09 00:00:00"]),
        end=st.none(),
        **dict.fromkeys(COSTS, amounts),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=400 if os.environ.get("AISPEND_SOAK") == "1" else 6)
@given(lines=bill_lines, small=st.booleans(), as_doubles=st.booleans())
def test_facts_add_up_to_the_rounded_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]], small: bool, as_doubles: bool
) -> None:
    folder = tmp_path_factory.mktemp("sum")
    if as_doubles:
        lines = [line | {name: None if line[name] is None else float(line[name]) for name in COSTS} for line in lines]
        delivery = parquet_delivery(folder / "a.parquet", lines)
    else:
        delivery = csv_delivery(folder / "a.csv", csv_text(lines))
    expected: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    exact: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        for raw, name in COSTS.items():
            if line[raw] is not None:
                text = line[raw] if isinstance(line[raw], str) else repr(line[raw])
                key = (line["account"], line["currency"], name)
                expected[key] += Decimal(text).quantize(Decimal("1e-12"), context=WIDE)
                exact[key] = WIDE.add(exact[key], Decimal(text))

    with pytest.MonkeyPatch.context() as patch:
        if not small:
            for bound in ("_SMALL_ROWS", "_SMALL_BYTES"):  # read column by column, as large files are
                patch.setattr(run, bound, 0)
        summary, facts = rolled(DuckEngine(Engine(), folder / "work"), delivery)

    got: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for fact in facts:
        for name in COST_COLUMNS:
            if fact[name] is not None:
                key = (fact["account"]["billing_account_id"], fact["charge_kind"]["billing_currency"], name)
                got[key] = WIDE.add(got[key], fact[name])
    assert got == expected
    totals = {
        (one.key.scope, currency, name): amount
        for one in summary.slices
        for currency, costs in one.totals.items()
        for name, amount in costs.items()
    }
    assert {key: WIDE.quantize(amount, Decimal("1e-24")) for key, amount in totals.items()} == {
        key: WIDE.quantize(amount, Decimal("1e-24")) for key, amount in exact.items()
    }
    assert sum(fact["line_count"] for fact in facts) == len(lines) == summary.lines


def test_probe_and_estimate(engine: DuckEngine, tmp_path: Path) -> None:
    csv = csv_delivery(tmp_path / "a.csv", csv_text([bill_line()]))
    parquet = parquet_delivery(tmp_path / "a.parquet", [bill_line(**dict.fromkeys(COSTS, 1.0))] * 3)

    assert engine.probe(csv.files[0].path, "csv").types == csv.files[0].header.types
    assert engine.probe(parquet.files[0].path, "parquet").types["billed"] == "DOUBLE"
    assert engine.estimate(csv).lines is None
    assert engine.estimate(parquet).lines == 3
    assert engine.estimate(parquet).bytes == parquet.files[0].path.stat().st_size
