"""The one join: names meet resources as of their time, or honestly nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text

from aispend.clock import Clock
from aispend.keys import content_key
from aispend.schema import resource, resource_alias
from aispend.settings import Alias, Settings
from aispend.store import Store
from aispend.store.telemetry import (
    resolved_accelerator_hours,
    resolved_inference_hours,
    resolved_workload_hours,
)
from analyzer.aliases import AliasReport, Candidate, Span, refresh_aliases, resolve
from analyzer.run import analyze
from collectors.files.inventory import import_inventory
from collectors.files.metrics import import_metrics
from collectors.files.usage import import_usage
from collectors.files.workloads import import_workloads

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}T00:00:00Z")


class Company:
    """A database with resources and telemetry, and what the join makes of them."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, folder: Path) -> None:
        self.store, self.settings, self.clock, self.folder = store, settings, clock, folder

    def bill(self, provider: str, resource_id: str, first: str, last: str, name: str | None = None) -> int:
        key = content_key(provider, resource_id)
        values = {"resource_key": key, "provider": provider, "resource_id": resource_id, "resource_name": name}
        with self.store.engine.begin() as connection:
            connection.execute(insert(resource).values(**values, first_seen=day(first), last_seen=day(last)))
        return key

    def measure(self, *samples: str, source: str = "files") -> None:
        """Each sample is ``name@MM-DD``: three minutes around noon of that day."""
        lines = [
            f"2026-{sample.rpartition('@')[2]}T12:0{minute}:00Z,{sample.rpartition('@')[0]},{minute}5"
            for sample in samples
            for minute in range(3)
        ]
        path = self.folder / "metrics.csv"
        path.write_text("\n".join(["timestamp,resource_id,gpu_utilization", *lines]))
        import_metrics([path], self.store, self.settings, self.clock, source=source)

    def refresh(self, **options: Any) -> AliasReport:
        with self.store.engine.begin() as connection:
            return refresh_aliases(connection, self.settings.model_copy(update=options))

    def meant(self) -> dict[str, int | None]:
        query = resolved_accelerator_hours()
        with self.store.engine.connect() as connection:
            rows = connection.execute(query).all()
            count = connection.scalar(text("SELECT count(*) FROM accelerator_hour"))
        assert len(rows) == count  # never more rows than hours, never fewer
        return {f"{row.alias}@{row.hour:%m-%d}": row.resource_key for row in rows}


@pytest.fixture
def company(database: Store, store_settings: Settings, clock: Clock, tmp_path: Path) -> Company:
    return Company(database, store_settings, clock, tmp_path)


def test_the_canonical_id_always_means_its_resource(company: Company) -> None:
    key = company.bill("aws", "i-0ab", "11-10", "11-19")
    company.measure("arn:aws:ec2:us-east-1:1:instance/i-0ab@11-18", "I-0AB@11-01")

    report = company.refresh()

    assert company.meant() == {"arn:aws:ec2:us-east-1:1:instance/i-0ab@11-18": key, "i-0ab@11-01": key}
    assert (report.matched, report.unmatched) == (2, 0)
    with company.store.engine.connect() as connection:
        (exact,) = connection.execute(select(resource_alias).where(resource_alias.c.alias == "i-0ab")).all()
    assert (exact.valid_from, exact.valid_to, exact.method, exact.confidence) == (BEGIN, None, "bill", 1)


def test_names_in_every_cloud(company: Company) -> None:
    vm = "/subscriptions/1/resourcegroups/ai/providers/microsoft.compute"
    keys = {
        "ip-10-0-0-1@11-18": company.bill("aws", "i-1", "11-01", "11-19", "ip-10-0-0-1.ec2.internal"),
        "10.0.0.2:9400@11-18": company.bill("aws", "i-2", "11-01", "11-19", "ip-10-0-0-2.ec2.internal"),
        "chat@11-18": company.bill("aws", "arn:aws:sagemaker:us-east-1:1:endpoint/Chat", "11-01", "11-19"),
        "gpu-3.z.c.p.internal@11-18": company.bill("gcp", "projects/p/zones/z/instances/gpu-3", "11-01", "11-19"),
        "gpu-4:8080@11-18": company.bill("azure", f"{vm}/virtualmachines/gpu-4", "11-01", "11-19"),
        "np-vmss00000a@11-18": company.bill(
            "azure", f"{vm}/virtualmachinescalesets/np-vmss/virtualmachines/10", "11-01", "11-19"
        ),
    }
    company.measure(*keys)

    report = company.refresh()

    assert company.meant() == keys
    assert report.unmatched == 0
    with company.store.engine.connect() as connection:
        assert connection.scalar(select(func.max(resource_alias.c.confidence))) < 1


def test_a_private_name_used_again_means_each_in_its_time(company: Company) -> None:
    first = company.bill("aws", "i-1", "11-01", "11-05", "ip-10-0-0-1")
    second = company.bill("aws", "i-2", "11-08", "11-12", "ip-10-0-0-1")
    company.bill("aws", "i-3", "11-01", "11-19")
    days = ("10-30", "10-31", "11-01", "11-05", "11-06", "11-07", "11-08", "11-12", "11-13", "11-14")
    company.measure(*(f"ip-10-0-0-1@{day}" for day in days))

    report = company.refresh()

    meant = company.meant()
    assert [meant[f"ip-10-0-0-1@{day}"] for day in days] == [
        None, first, first, first, first, second, second, second, second, None,
    ]  # fmt: skip
    assert report.unmatched == 1
    assert (report.examples[0].alias, report.examples[0].reason) == ("ip-10-0-0-1", "other_time")


def test_a_running_machine_is_meant_beyond_the_end_of_the_bill(company: Company) -> None:
    running = company.bill("aws", "i-1", "11-01", "11-10", "running")
    company.bill("aws", "i-2", "11-01", "11-11", "last")
    company.bill("aws", "i-3", "11-01", "11-08", "gone")
    company.measure("running@11-20", "gone@11-20")

    company.refresh()

    assert company.meant() == {"running@11-20": running, "gone@11-20": None}


def test_two_possible_resources_are_none_and_both_are_named(company: Company) -> None:
    company.bill("aws", "i-1", "11-01", "11-19", "gpu-1")
    company.bill("gcp", "projects/p/zones/z/instances/gpu-1", "11-01", "11-19")
    company.measure("gpu-1@11-18")

    report = company.refresh()

    assert company.meant() == {"gpu-1@11-18": None}
    (example,) = report.examples
    assert example.reason == "ambiguous"
    assert example.candidates == ("aws i-1", "gcp projects/p/zones/z/instances/gpu-1")


def test_a_host_of_another_domain_is_never_meant(company: Company) -> None:
    company.bill("aws", "i-1", "11-01", "11-19", "gpu-1.prod.example.com")
    company.measure("gpu-1.lab.example.com@11-18")

    report = company.refresh()

    assert report.examples[0].reason == "unknown"
    assert company.meant() == {"gpu-1.lab.example.com@11-18": None}


def test_inventory_then_settings_then_bill(company: Company, tmp_path: Path) -> None:
    by_bill = company.bill("aws", "i-1", "11-01", "11-19", "node")
    stated = company.bill("aws", "i-2", "11-01", "11-19")
    wanted = company.bill("aws", "i-3", "11-01", "11-19")
    company.measure("node@11-02", "node@11-08", "node@11-18")
    path = tmp_path / "inventory.csv"
    path.write_text(
        "provider,resource_id,alias,valid_from,valid_to\naws,i-2,node,2026-11-08T00:00:00Z,2026-11-09T00:00:00Z"
    )
    import_inventory([path], company.store, company.settings, company.clock)
    alias = Alias(alias="Node", provider="aws", resource_id="i-3", valid_from=day("11-05"))

    report = company.refresh(aliases=(alias,))

    assert company.meant() == {"node@11-02": by_bill, "node@11-08": stated, "node@11-18": wanted}
    assert report.by_method == {"inventory": 1, "settings": 2, "bill": 1}
    assert "contradicts another that was stated before" in report.notes[0]

    company.refresh()
    assert company.meant() == {"node@11-02": by_bill, "node@11-08": stated, "node@11-18": by_bill}


def test_a_source_s_own_name_goes_before_one_for_all(company: Company) -> None:
    everywhere = company.bill("aws", "i-1", "11-01", "11-19")
    lab = company.bill("aws", "i-2", "11-01", "11-19")
    company.measure("n01@11-18", source="lab")
    company.measure("n01@11-17", source="prod")
    aliases = (
        Alias(alias="n01", provider="aws", resource_id="i-1"),
        Alias(alias="n01", provider="aws", resource_id="i-2", namespace="lab"),
    )

    company.refresh(aliases=aliases)

    assert company.meant() == {"n01@11-18": lab, "n01@11-17": everywhere}


def test_an_alias_to_nothing_is_said(company: Company) -> None:
    report = company.refresh(aliases=(Alias(alias="n", provider="aws", resource_id="i-404"),))

    assert report.notes == ["The alias 'n' in the settings means i-404, which no bill has."]


def test_usage_and_workloads_meet_the_same_resource(company: Company, tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:us-east-1:1:endpoint/chat"
    endpoint = company.bill("aws", arn, "11-01", "11-19")
    machine = company.bill("aws", "i-1", "11-01", "11-19", "n01")
    usage, work = tmp_path / "usage.csv", tmp_path / "work.csv"
    usage.write_text(
        "timestamp,endpoint,resource_id,output_tokens\n2026-11-18T12:00:00Z,Chat,,1\n2026-11-18T12:00:00Z,,n01,2\n"
        "2026-11-18T12:00:00Z,gpt-4o-deployment,,3"
    )
    work.write_text("timestamp,period_seconds,resource_id,workload\n2026-11-18T12:00:00Z,60,n01,pod\n")
    import_usage([usage], company.store, company.settings, company.clock, source="gateway")
    import_workloads([work], company.store, company.settings, company.clock, source="k8s")

    report = company.refresh()

    with company.store.engine.connect() as connection:
        inference = connection.execute(resolved_inference_hours()).all()
        (workload,) = connection.execute(resolved_workload_hours()).all()
    found = {row.quantity: row.resource_key for row in inference if row.unit_class == "output"}
    assert found == {Decimal(1): endpoint, Decimal(2): machine, Decimal(3): None}
    assert (workload.resource_key, workload.alias_method) == (machine, "bill")
    assert workload.alias_confidence == Decimal("0.9")
    assert (report.matched, report.unmatched) == (3, 0)  # a deployment of a token-priced API is no lost name


def test_an_analysis_joins_first_and_says_what_meets_nothing(company: Company) -> None:
    company.measure("n01@11-18", "n02@11-18")
    key = company.bill("aws", "i-1", "11-01", "11-19", "n01")  # the bill comes after the telemetry

    report = analyze(company.store.engine, company.settings, company.clock)

    assert company.meant() == {"n01@11-18": key, "n02@11-18": None}
    assert any(note.startswith("1 of 2 names in telemetry meet no resource") for note in report.notes)
    assert any("n02 (unknown)" in note for note in report.notes)


def test_a_name_added_to_the_settings_counts_from_the_next_analysis(company: Company) -> None:
    key = company.bill("aws", "i-1", "11-01", "11-19")
    company.measure("pricing-lab@11-18")
    before = analyze(company.store.engine, company.settings, company.clock)
    assert (company.meant(), len(before.notes)) == ({"pricing-lab@11-18": None}, 1)

    named = company.settings.model_copy(
        update={"aliases": (Alias(alias="pricing-lab", provider="aws", resource_id="i-1"),)}
    )
    after = analyze(company.store.engine, named, company.clock)

    assert (company.meant(), after.notes) == ({"pricing-lab@11-18": key}, ())


def test_a_refresh_writes_only_the_names_that_changed(company: Company) -> None:
    for name in ("gpu-1", "gpu-2"):
        company.bill("azure", f"/x/{name}", "09-01", "10-05", name)
        company.measure(f"{name}@10-03")
    company.refresh()
    with company.store.engine.begin() as connection:
        written = {
            row.alias: row.xmin for row in connection.execute(text("SELECT alias, xmin::text FROM resource_alias"))
        }
        connection.execute(text("UPDATE resource SET first_seen = '2026-08-01' WHERE resource_id = '/x/gpu-2'"))
    company.refresh()
    with company.store.engine.connect() as connection:
        now = {row.alias: row.xmin for row in connection.execute(text("SELECT alias, xmin::text FROM resource_alias"))}
    assert set(now) == {"gpu-1", "gpu-2"}
    assert now["gpu-1"] == written["gpu-1"]
    assert now["gpu-2"] != written["gpu-2"]


def test_refreshing_again_changes_nothing_and_follows_the_bill(company: Company) -> None:
    company.bill("aws", "i-1", "11-01", "11-05", "n01")
    company.bill("aws", "i-2", "11-01", "11-19")
    company.measure("n01@11-12")
    first = company.refresh()
    assert company.refresh() == first
    assert company.meant() == {"n01@11-12": None}

    with company.store.engine.begin() as connection:
        connection.execute(text("UPDATE resource SET last_seen = '2026-11-19'"))
    company.refresh()

    assert company.meant() == {"n01@11-12": content_key("aws", "i-1")}


spans = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(
    lambda pair: Span(instant("01-01") + timedelta(days=pair[0]), instant("01-01") + timedelta(days=sum(pair)))
)


@given(
    cores=st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["0.9", "0.6"]), spans), max_size=6),
    busy=st.lists(spans, max_size=2),
)
def test_a_name_never_means_two_things_at_once(cores: list[tuple[int, str, Span]], busy: list[Span]) -> None:
    """At every hour: at most one row, none where it is taken, and only a candidate that is alone in its sureness."""
    grace = timedelta(days=1)
    by_key = {
        key: Candidate(key, Decimal(sureness), core, Span(core.start - grace, core.end + grace))
        for key, sureness, core in cores
    }
    candidates = list(by_key.values())

    rows = resolve("files", "n", candidates, busy)

    for step in range(34 * 4):
        at = instant("01-01") - timedelta(days=2) + timedelta(hours=6 * step)
        meant = [row for row in rows if row.valid_from <= at and (row.valid_to is None or at < row.valid_to)]
        assert len(meant) <= 1
        if any(span.start <= at < span.end for span in busy):
            assert meant == []
            continue
        there = [one for one in candidates if one.core.start <= at < one.core.end]
        there = there or [one for one in candidates if one.grace.start <= at < one.grace.end]
        best = max((one.confidence for one in there), default=None)
        surest = [one.resource_key for one in there if one.confidence == best]
        assert [row.resource_key for row in meant] == (surest if len(surest) == 1 else [])
