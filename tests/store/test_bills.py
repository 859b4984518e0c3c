"""A bill in the tables: replaced whole, never counted twice, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.engine.duck import DuckEngine
from aispend.engine.rollup import columns_given
from aispend.engine.scan import Delivery
from aispend.errors import BusyError, OverlapError, StoreError
from aispend.settings import Engine
from aispend.store import Store
from aispend.store.bills import Bill, BillSlice, Loaded, replace_bill, state_of
from aispend.store.loads import Attempt, Counted, Rejected, record_failure, record_unchanged, unchanged
from aispend.store.locks import exclusive
from aispend.store.partitions import ensure_partitions
from tests.engine.bills import bill_line, classify, csv_delivery, csv_text, mapping

SEPTEMBER = date(2026, 9, 1)
AZURE = {"provider": "azure", "account": "ea-1"}


def load(
    store: Store, delivery: Delivery, workdir: Path, clock: Clock, *, accept_overlap: bool = False
) -> list[Loaded]:
    """Roll a delivery up and load it."""
    with DuckEngine(Engine(), workdir / "work").roll_up(delivery, classify) as rolled:
        slices = [
            BillSlice(one.key, Counted(one.lines, one.facts, 0, {}, {}, []), one.invoiced)
            for one in rolled.summary.slices
        ]
        attempt = Attempt(delivery.line.dataset, delivery.change_token, [{"name": delivery.files[0].shown_as}], clock())
        rejected = [
            Rejected(r.key, r.file, r.line, r.column, r.value, r.reason, r.raw)
            for r in rolled.summary.rejected
            if r.key
        ]
        bill = Bill("test", delivery.line.half, columns_given(delivery.line), attempt, slices, rejected)
        return replace_bill(store, bill, rolled, clock=clock, accept_overlap=accept_overlap)


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def bill(path: Path, lines: Sequence[dict[str, Any]], token: str = "t", **changes: Any) -> Delivery:
    return csv_delivery(path, csv_text(lines), token, mapping(**changes))


CONTENT = """
    SELECT charge_date, billed_cost, effective_cost, list_cost, contracted_cost, line_count, half, account_key, sku_key,
      resource_key, tag_set_key, location_key, commitment_key, charge_kind_key, hours FROM charge
    ORDER BY 1, 2, 9, 10, 7"""


def test_a_bill_arrives_with_its_dimensions(database: Store, tmp_path: Path, clock: Clock) -> None:
    lines = [
        bill_line(description="gpu", resource="i-0a", region="us-east-1", tags='{"team":"vision"}', billed="1.5"),
        bill_line(billed="0.25"),
    ]

    (loaded,) = load(database, bill(tmp_path / "a.csv", lines), tmp_path, clock)

    assert (loaded.key, loaded.state, loaded.replaced_lines) == (("aws", "111", SEPTEMBER), "final", None)
    found = rows(
        database,
        """SELECT charge_date, billed_cost, service_name, charge_description, resource_id, region_id, tags, hours, is_ai
           FROM charge JOIN account USING (account_key) JOIN sku USING (sku_key)
           JOIN resource USING (resource_key) JOIN location USING (location_key) JOIN tag_set USING (tag_set_key)
           ORDER BY billed_cost""",
    )
    assert found == [
        (date(2026, 9, 3), Decimal("0.25"), "Compute", "small machine", "", None, {}, None, False),
        (date(2026, 9, 3), Decimal("1.5"), "Compute", "gpu", "i-0a", "us-east-1", {"team": "vision"}, 32, True),
    ]
    assert rows(
        database,
        """SELECT resource_id, accelerator_type, accelerators, account, region, first_seen FROM resource
           WHERE resource_key <> 0""",
    ) == [("i-0a", "nvidia-h100-80gb", 8, "111", "us-east-1", date(2026, 9, 3))]
    assert rows(database, "SELECT columns_known, dataset, state, source FROM slice") == [
        (["billed_cost", "effective_cost", "list_cost", "contracted_cost"], "mini", "final", "test")
    ]
    assert rows(database, "SELECT rows_in, rows_out, rows_rejected, outcome FROM load") == [(2, 2, 0, "loaded")]


def test_a_restated_month_replaces_the_old_one_whole(database: Store, tmp_path: Path, clock: Clock) -> None:
    first = [bill_line(billed="1"), bill_line(billed="2", description="gone"), bill_line(billed="4", account="222")]
    load(database, bill(tmp_path / "a.csv", first), tmp_path, clock)
    (slice_id,) = rows(database, "SELECT slice_id FROM slice WHERE scope = '111'")[0]
    with database.engine.begin() as connection:
        for table in ("spend_day", "spend_resource_month"):
            columns = {"spend_day": ", charge_date, rung", "spend_resource_month": ", resource_key"}[table]
            extra = {"spend_day": ", '2026-09-03', 'x'", "spend_resource_month": ", 0"}[table]
            connection.execute(
                text(
                    f"INSERT INTO {table}"
                    f" (billing_month, slice_id, provider, is_ai, stage, reason, currency, unknown_costs{columns}) "
                    f"VALUES ('2026-09-01', {slice_id}, 'aws', false, 'unknown', 'not_ai', 'USD', 0{extra})"
                )
            )
        ensure_partitions(connection, [SEPTEMBER])
        connection.execute(text(f"INSERT INTO cost_share VALUES ('2026-09-01', {slice_id}, 0, 1, 5)"))

    (again,) = load(database, bill(tmp_path / "b.csv", [bill_line(billed="8")], "t2"), tmp_path, clock)

    assert again.replaced_lines == 2
    assert rows(
        database, "SELECT scope, sum(billed_cost) FROM charge JOIN slice USING (slice_id) GROUP BY 1 ORDER BY 1"
    ) == [
        ("111", 8),
        ("222", 4),
    ]
    for derived in ("spend_day", "spend_resource_month", "cost_share"):
        assert rows(database, f"SELECT count(*) FROM {derived}") == [(0,)]


def test_loading_twice_gives_the_same_content(database: Store, tmp_path: Path, clock: Clock) -> None:
    delivery = bill(tmp_path / "a.csv", [bill_line(description=f"gpu {n}", resource=f"i-{n % 7}") for n in range(60)])
    load(database, delivery, tmp_path, clock)
    before = rows(database, CONTENT)

    load(database, delivery, tmp_path, clock)

    assert rows(database, CONTENT) == before
    assert rows(database, "SELECT count(*) FROM slice") == [(1,)]


def test_a_token_is_unchanged_until_something_else_was_loaded(database: Store, tmp_path: Path, clock: Clock) -> None:
    two_scopes = [bill_line(), bill_line(account="222")]
    load(database, bill(tmp_path / "a.csv", two_scopes, "one"), tmp_path, clock)

    assert [one.key[1] for one in unchanged(database, "one")] == ["111", "222"]
    assert unchanged(database, "other") == []

    load(database, bill(tmp_path / "b.csv", [bill_line(account="222", billed="9")], "two"), tmp_path, clock)
    assert unchanged(database, "one") == []
    assert [one.key[1] for one in unchanged(database, "two")] == ["222"]


@pytest.mark.parametrize("damage", ["DELETE FROM charge", "DELETE FROM charge WHERE ordinal = 1"])
def test_a_token_whose_lines_are_gone_is_loaded_again(
    database: Store, tmp_path: Path, clock: Clock, damage: str
) -> None:
    """Load records alone do not say what is there: the lines stored are counted."""
    delivery = bill(tmp_path / "a.csv", [bill_line(billed="3"), bill_line(billed="4", description="gpu")], "one")
    load(database, delivery, tmp_path, clock)
    assert [one.lines for one in unchanged(database, "one")] == [2]

    with database.engine.begin() as connection:
        connection.execute(text(damage))

    assert unchanged(database, "one") == []
    load(database, delivery, tmp_path, clock)
    assert rows(database, "SELECT sum(billed_cost), sum(line_count) FROM charge") == [(7, 2)]
    assert len(unchanged(database, "one")) == 1


def test_refused_and_unchanged_loadings_leave_a_record(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, bill(tmp_path / "a.csv", [bill_line()], "one"), tmp_path, clock)
    attempt = Attempt("mini", "one", [{"name": "a.csv", "bytes": 1, "rows": None}], clock())

    record_unchanged(database, unchanged(database, "one"), attempt, clock() + timedelta(seconds=2))
    record_failure(database, attempt, "too many lines", clock())

    found = rows(database, "SELECT outcome, slice_id IS NULL, seconds, flags FROM load ORDER BY load_id")
    assert found[1:] == [
        ("unchanged", False, 2, []),
        ("failed", True, 0, [{"flag": "refused", "explanation": "too many lines"}]),
    ]


def test_another_dataset_for_the_same_month_is_refused_naming_both(
    database: Store, tmp_path: Path, clock: Clock
) -> None:
    load(database, bill(tmp_path / "focus.csv", [bill_line()], "one", dataset="focus"), tmp_path, clock)
    before = rows(database, CONTENT)

    with pytest.raises(OverlapError) as error:
        load(database, bill(tmp_path / "cur.csv", [bill_line(billed="7")], "two", dataset="cur2"), tmp_path, clock)

    assert "aws 111 for 2026-09" in error.value.what
    assert "focus (focus.csv, loaded 2026-11-21 06:00 UTC); new: cur2 (cur.csv)" in error.value.where
    assert "--accept-overlap" in error.value.next_step
    assert rows(database, CONTENT) == before


def test_an_accepted_overlap_makes_the_new_bill_the_ledger(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, bill(tmp_path / "focus.csv", [bill_line()], "one", dataset="focus"), tmp_path, clock)
    cur = bill(tmp_path / "cur.csv", [bill_line(billed="7")], "two", dataset="cur2")

    load(database, cur, tmp_path, clock, accept_overlap=True)

    assert rows(database, "SELECT dataset, sum(billed_cost) FROM charge JOIN slice USING (slice_id) GROUP BY 1") == [
        ("cur2", 7)
    ]
    assert unchanged(database, "one") == []


def test_a_few_days_never_take_the_place_of_a_month(database: Store, tmp_path: Path, clock: Clock) -> None:
    """A line that came late, in an export cut by its date, names the month it belongs to: it is not the month."""
    days = [bill_line(start=f"2026-09-{day:02} 00:00:00", end=f"2026-09-{day + 1:02} 00:00:00") for day in range(1, 13)]
    load(database, bill(tmp_path / "a.csv", days, "a"), tmp_path, clock)
    late = bill(tmp_path / "b.csv", days[11:], "b")

    with pytest.raises(OverlapError, match="charges on 12 days; this bill has 1 of them"):
        load(database, late, tmp_path, clock)

    assert rows(database, "SELECT count(*) FROM charge") == [(12,)]
    load(database, bill(tmp_path / "c.csv", days[5:], "c"), tmp_path, clock)
    assert rows(database, "SELECT count(*) FROM charge") == [(7,)], "a month of more than half its days is the month"
    load(database, late, tmp_path, clock, accept_overlap=True)
    assert rows(database, "SELECT count(*) FROM charge") == [(1,)]


def test_the_scope_is_locked_while_another_session_loads_it(database: Store, tmp_path: Path, clock: Clock) -> None:
    with database.engine.begin() as other:
        exclusive(other, "bill aws 111")

        with pytest.raises(BusyError):
            load(database, bill(tmp_path / "a.csv", [bill_line()]), tmp_path, clock)

    assert rows(database, "SELECT count(*) FROM charge") == [(0,)]


def test_two_rows_under_one_key_are_refused(database: Store, tmp_path: Path, clock: Clock) -> None:
    delivery = bill(tmp_path / "a.csv", [bill_line()])
    load(database, delivery, tmp_path, clock)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE account SET billing_account_name = 'edited by hand'"))

    with pytest.raises(StoreError, match="table account have the same key"):
        load(database, delivery, tmp_path, clock)


def test_a_resource_is_kept_up_to_date_by_the_bill_that_saw_it_last(
    database: Store, tmp_path: Path, clock: Clock
) -> None:
    def seen(month: int, region: str, token: str) -> None:
        start = f"2026-{month:02}-10 05:00:00"
        line = bill_line(
            description="gpu", resource="i-0a", region=region, month=f"2026-{month:02}-01", start=start, end=None
        )
        load(database, bill(tmp_path / f"{token}.csv", [line], token), tmp_path, clock)

    seen(8, "us-east-1", "august")
    seen(9, "us-west-2", "september")
    seen(7, "eu-west-1", "july")

    assert rows(database, "SELECT region, first_seen, last_seen FROM resource WHERE resource_key <> 0") == [
        ("us-west-2", date(2026, 7, 10), date(2026, 9, 10))
    ]


def test_the_catalogues_later_word_on_a_sku_is_taken(database: Store, tmp_path: Path, clock: Clock) -> None:
    delivery = bill(tmp_path / "a.csv", [bill_line(description="gpu")])
    load(database, delivery, tmp_path, clock)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE sku SET accelerator_type = 'older word', is_ai = false"))

    load(database, delivery, tmp_path, clock)

    assert rows(database, "SELECT is_ai, accelerator_type FROM sku") == [(True, "nvidia-h100-80gb")]


def test_rejected_lines_are_kept_with_the_load(database: Store, tmp_path: Path, clock: Clock) -> None:
    lines = [*[bill_line() for _ in range(9)], bill_line(billed="?", description="nul \0 inside")]

    load(database, bill(tmp_path / "a.csv", lines), tmp_path, clock)

    found = rows(database, "SELECT ordinal, file, line, column_name, value, reason FROM rejected_row")
    assert found == [(1, "a.csv", 11, "billed", "?", "not a number")]


@pytest.mark.parametrize(
    ("now", "invoiced", "before", "state"),
    [
        (datetime(2026, 9, 30, 23, tzinfo=UTC), True, None, "open"),
        (datetime(2026, 10, 1, tzinfo=UTC), False, None, "provisional"),
        (datetime(2026, 10, 1, tzinfo=UTC), True, "open", "final"),
        (datetime(2026, 10, 15, 23, tzinfo=UTC), False, "provisional", "provisional"),
        (datetime(2026, 10, 16, tzinfo=UTC), False, None, "final"),
        (datetime(2026, 12, 1, tzinfo=UTC), False, "closed", "restated"),
    ],
)
def test_the_state_of_a_month(now: datetime, invoiced: bool, before: str | None, state: str) -> None:
    assert state_of(SEPTEMBER, now, invoiced=invoiced, before=before) == state
