"""Azure's two halves of one bill, and a whole bill beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.engine.scan import Delivery
from aispend.errors import OverlapError
from aispend.store import Store
from aispend.store.loads import unchanged
from tests.engine.bills import COSTS, bill_line
from tests.store.test_bills import AZURE, bill, load, rows


def azure(path: Path, half: int, lines: Sequence[dict[str, Any]], token: str, **changes: Any) -> Delivery:
    dataset = {1: "azure_actual", 2: "azure_amortized"}[half]
    return bill(path, lines, token, dataset=dataset, half=half, **changes)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_azure_pair_becomes_one_slice(database: Store, tmp_path: Path, clock: Clock, order: tuple[int, int]) -> None:
    actual = azure(tmp_path / "actual.csv", 1, [bill_line(**AZURE, billed="100", effective="5", list="120")], "a")
    amortized = azure(tmp_path / "amortized.csv", 2, [bill_line(**AZURE, billed="6", effective="60", list="80")], "b")
    deliveries = {1: actual, 2: amortized}

    (alone,) = load(database, deliveries[order[0]], tmp_path, clock)
    (joined,) = load(database, deliveries[order[1]], tmp_path, clock)

    assert alone.dataset == deliveries[order[0]].line.dataset
    assert joined.dataset == "azure_actual+azure_amortized"
    assert rows(
        database, "SELECT half, billed_cost, effective_cost, list_cost, contracted_cost FROM charge ORDER BY 1"
    ) == [
        (1, 100, None, None, None),
        (2, None, 60, 80, 1),
    ]
    assert rows(database, "SELECT columns_known FROM slice") == [(list(_COSTS),)]
    for token in ("a", "b"):
        assert len(unchanged(database, token)) == 1


_COSTS = tuple(COSTS.values())


def test_half_a_pair_leaves_its_missing_column_unknown(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, azure(tmp_path / "a.csv", 1, [bill_line(**AZURE)], "a"), tmp_path, clock)

    assert rows(database, "SELECT columns_known FROM slice") == [(["billed_cost", "list_cost", "contracted_cost"],)]


def test_list_cost_stays_on_the_half_that_gives_it(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, azure(tmp_path / "a.csv", 1, [bill_line(**AZURE, list="120")], "a"), tmp_path, clock)
    without_list = azure(tmp_path / "b.csv", 2, [bill_line(**AZURE)], "b", columns_known=("effective_cost",))
    load(database, without_list, tmp_path, clock)

    assert rows(database, "SELECT half, list_cost FROM charge ORDER BY 1") == [(1, 120), (2, None)]


def test_a_restated_half_leaves_the_other_half(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, azure(tmp_path / "a.csv", 1, [bill_line(**AZURE, billed="100")], "a"), tmp_path, clock)
    load(database, azure(tmp_path / "b.csv", 2, [bill_line(**AZURE, effective="60")], "b"), tmp_path, clock)

    (again,) = load(database, azure(tmp_path / "c.csv", 1, [bill_line(**AZURE, billed="90")], "c"), tmp_path, clock)

    assert (again.dataset, again.replaced_lines) == ("azure_actual+azure_amortized", 1)
    assert rows(database, "SELECT half, billed_cost, effective_cost, list_cost FROM charge ORDER BY 1") == [
        (1, 90, None, None),
        (2, None, 60, 1),
    ]


def whole(path: Path, token: str, lines: Sequence[dict[str, Any]]) -> Delivery:
    """An export of a month without commitments, actual and amortised in one."""
    return bill(path, lines, token, dataset="azure")


_SUMS = """
    SELECT dataset, columns_known, sum(billed_cost), sum(effective_cost), sum(line_count)
    FROM slice JOIN charge USING (slice_id) GROUP BY slice_id"""


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_halves_take_the_place_of_a_whole_bill(
    database: Store, tmp_path: Path, clock: Clock, order: tuple[int, int]
) -> None:
    """The month's first commitment: 5 on demand so far; then 7 on demand and 100 for a reservation worth 60 so far."""
    load(database, whole(tmp_path / "w.csv", "w", [bill_line(**AZURE, billed="5", effective="5")]), tmp_path, clock)
    halves = {
        1: azure(tmp_path / "a.csv", 1, [bill_line(**AZURE, billed=cost) for cost in ("7", "100")], "a"),
        2: azure(tmp_path / "b.csv", 2, [bill_line(**AZURE, effective=cost) for cost in ("7", "60")], "b"),
    }

    (first,) = load(database, halves[order[0]], tmp_path, clock)
    alone = {
        1: ("azure_actual", ["billed_cost", "list_cost", "contracted_cost"], 107, None, 2),
        2: ("azure_amortized", ["effective_cost", "list_cost", "contracted_cost"], None, 67, 2),
    }
    assert (first.replaced_lines, rows(database, _SUMS)) == (1, [alone[order[0]]])
    load(database, halves[order[1]], tmp_path, clock)

    assert rows(database, _SUMS) == [("azure_actual+azure_amortized", list(_COSTS), 107, 67, 4)]
    assert [len(unchanged(database, token)) for token in ("w", "a", "b")] == [0, 1, 1]


def test_a_whole_bill_never_takes_the_place_of_an_actual_half(database: Store, tmp_path: Path, clock: Clock) -> None:
    """5 on demand and a refund of 4 for a reservation; its amortised export has no commitment in it and looks whole."""
    actual = azure(tmp_path / "a.csv", 1, [bill_line(**AZURE, billed=cost) for cost in ("5", "-4")], "a")
    load(database, actual, tmp_path, clock)
    amortized = whole(tmp_path / "w.csv", "w", [bill_line(**AZURE, billed="5", effective="5")])

    with pytest.raises(OverlapError, match="actual and the amortised export of the month together"):
        load(database, amortized, tmp_path, clock)

    assert rows(database, "SELECT sum(billed_cost), sum(effective_cost) FROM charge") == [(1, None)]


def test_a_whole_bill_never_takes_the_place_of_amortised_cost(database: Store, tmp_path: Path, clock: Clock) -> None:
    """5 on demand, 60 of a reservation nobody used: its actual export has no commitment in it and looks whole."""
    amortized = azure(tmp_path / "b.csv", 2, [bill_line(**AZURE, effective=cost) for cost in ("5", "60")], "b")
    load(database, amortized, tmp_path, clock)
    actual = whole(tmp_path / "w.csv", "w", [bill_line(**AZURE, billed="5", effective="5")])

    with pytest.raises(OverlapError, match="actual and the amortised export of the month together"):
        load(database, actual, tmp_path, clock)

    assert rows(database, "SELECT sum(billed_cost), sum(effective_cost) FROM charge") == [(None, 65)]


def test_a_whole_bill_beside_a_pair_is_refused(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, azure(tmp_path / "a.csv", 1, [bill_line(**AZURE)], "a"), tmp_path, clock)

    with pytest.raises(OverlapError):
        load(database, bill(tmp_path / "f.csv", [bill_line(**AZURE)], "f", dataset="focus"), tmp_path, clock)


def test_a_half_whose_lines_are_gone_is_loaded_again_alone(database: Store, tmp_path: Path, clock: Clock) -> None:
    actual = azure(tmp_path / "a.csv", 1, [bill_line(**AZURE, billed="100")], "a")
    load(database, actual, tmp_path, clock)
    load(database, azure(tmp_path / "b.csv", 2, [bill_line(**AZURE, effective="60")] * 2, "b"), tmp_path, clock)
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM charge WHERE half = 1"))

    assert (unchanged(database, "a"), len(unchanged(database, "b"))) == ([], 1)
    load(database, actual, tmp_path, clock)

    assert rows(database, "SELECT half, sum(billed_cost), sum(effective_cost) FROM charge GROUP BY 1 ORDER BY 1") == [
        (1, 100, None),
        (2, None, 120),
    ]
