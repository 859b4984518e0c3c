"""Prepaid commitments roll forward, and effective closes to billed: by hand, month after month."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.conftest import Ledger
from tests.analyzer.test_reconcile import findings

D = Decimal


def buy(ledger: Ledger, day: str, billed: str, **changes: Any) -> None:
    defaults = {"commitment_id": "sp", "category": "Purchase", "is_ai": False}
    ledger.charge(day, (billed, "0", None, None), **(defaults | changes))


def use(ledger: Ledger, day: str, effective: str, **changes: Any) -> None:
    ledger.charge(day, ("0", effective, "90", "90"), **({"commitment_id": "sp"} | changes))


def rolled(ledger: Ledger) -> list[tuple[Decimal | None, Decimal | None, Decimal | None, bool]]:
    """Opening, change, closing, holds."""
    return [(r.theirs, r.difference, r.ours, r.holds) for r in findings(ledger, "prepaid rolls forward")]


def test_prepaid_rolls_forward_from_month_to_month(ledger: Ledger) -> None:
    """Bought in the second month for 100; 40, then 60 of it amortised."""
    ledger.charge("2026-08-05", "1")
    buy(ledger, "2026-09-01", "100")
    use(ledger, "2026-09-05", "40")
    use(ledger, "2026-10-05", "60")

    assert rolled(ledger) == [(D(0), D(60), D(60), True), (D(60), D(-60), D(0), True)]
    assert [row.cause for row in findings(ledger, "prepaid rolls forward")] == [
        "opening 0 + 100 bought - 40 amortised",
        "opening 60 + 0 bought - 60 amortised",
    ]
    closes = [(row.difference, row.cause, row.holds) for row in findings(ledger, "effective closes to billed")]
    assert closes[1:] == [(D(-60), "prepaid of commitments -60", True), (D(60), "prepaid of commitments +60", True)]


def test_amortising_more_than_was_bought_does_not_hold(ledger: Ledger) -> None:
    ledger.charge("2026-08-05", "1")
    buy(ledger, "2026-09-01", "100")
    use(ledger, "2026-09-05", "60")
    use(ledger, "2026-10-05", "60")

    assert rolled(ledger) == [(D(0), D(40), D(40), True), (D(40), D(-60), D(-20), False)]
    row = findings(ledger, "prepaid rolls forward")[-1]
    assert row.cause == "opening 40 + 0 bought - 60 amortised: 20 more than was ever bought in what is loaded"
    assert row.scope == "aws payer sp"


def test_rounding_of_lines_does_not_count_as_amortising_twice(ledger: Ledger) -> None:
    ledger.charge("2026-08-05", "1")
    buy(ledger, "2026-09-01", "100")
    use(ledger, "2026-09-05", "100.000000000002")

    assert rolled(ledger) == [(D(0), D("-0.000000000002"), D("-0.000000000002"), True)]


@pytest.mark.parametrize("before", [None, "2026-07-05"])
def test_what_was_bought_before_the_first_loaded_month_has_no_opening(ledger: Ledger, before: str | None) -> None:
    """Nor after a gap: August is not loaded."""
    if before:
        buy(ledger, before, "10")
    use(ledger, "2026-09-05", "60")
    use(ledger, "2026-10-05", "60")

    assert rolled(ledger)[-2:] == [(None, D(-60), None, True)] * 2
    assert findings(ledger, "prepaid rolls forward")[-1].cause == "opening not loaded; 0 bought - 60 amortised"


def test_a_commitment_bought_in_one_scope_and_used_in_another_is_one(ledger: Ledger) -> None:
    for scope in ("payer", "other"):
        ledger.charge("2026-08-05", "1", scope=scope)
    buy(ledger, "2026-09-01", "100")
    use(ledger, "2026-09-05", "30", scope="other")

    assert rolled(ledger) == [(D(0), D(70), D(70), True)]
    (row,) = findings(ledger, "prepaid rolls forward")
    assert row.scope == "aws other + payer sp"


def test_currencies_of_a_commitment_are_never_added(ledger: Ledger) -> None:
    ledger.charge("2026-08-05", "1")
    buy(ledger, "2026-09-01", "100")
    use(ledger, "2026-09-05", "30", currency="EUR")

    assert [(row.currency, row.ours, row.holds) for row in findings(ledger, "prepaid rolls forward")] == [
        ("EUR", D(-30), False),
        ("USD", D(100), True),
    ]


def test_tokens_bought_ahead_without_a_commitment_id_are_a_pool(ledger: Ledger) -> None:
    ledger.charge("2026-08-05", "1")
    buy(ledger, "2026-09-01", "1200", commitment_id=None)
    use(ledger, "2026-09-05", "60", commitment_id=None)
    use(ledger, "2026-10-05", "1150", commitment_id=None)

    assert rolled(ledger) == [(D(0), D(1140), D(1140), True), (D(1140), D(-1150), D(-10), False)]
    row = findings(ledger, "effective closes to billed")[1]
    assert (row.difference, row.cause) == (D(-1140), "prepaid without a commitment id -1140")


@pytest.mark.parametrize(
    ("cost", "changes", "cause"),
    [
        (("10", "12", "12", "12"), {}, "usage without commitment or flag (1 times): +2 is unexplained"),
        (("0", "12", "12", "12"), {}, "usage without commitment or flag (1 times): +12 is unexplained"),
        (("3", "0", None, None), {"category": "Tax"}, "tax without commitment or flag (1 times): -3 is unexplained"),
        (("-3", "-4", None, None), {"category": "Credit"}, "credit without commitment or flag (1 times): -1 is"),
    ],
)
def test_an_ordinary_line_whose_effective_is_not_its_billed_cost_is_unexplained(
    ledger: Ledger, cost: tuple[str, str, str, str], changes: dict[str, Any], cause: str
) -> None:
    ledger.charge("2026-10-05", cost, **changes)
    (row,) = findings(ledger, "effective closes to billed")
    assert (row.difference, row.holds) == (D(cost[1]) - D(cost[0]), False)
    assert cause in row.cause


def test_two_unexplained_lines_that_cancel_are_still_seen(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("10", "12", "12", "12"))
    ledger.charge("2026-10-06", ("12", "10", "12", "12"))
    (row,) = findings(ledger, "effective closes to billed")
    assert (row.difference, row.holds) == (D(0), False)
    assert row.cause == "usage without commitment or flag (2 times): +2 and -2 is unexplained"


def test_a_flag_names_what_was_derived(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("0", "7", "12", "12"), kind={"flag": "commitment_fee_spread"})
    (row,) = findings(ledger, "effective closes to billed")
    assert (row.difference, row.holds, row.cause) == (D(7), True, "lines flagged commitment_fee_spread +7")


@pytest.mark.parametrize(("effective", "holds"), [("12", True), ("13", False)])
def test_an_export_that_rounds_effective_cost_is_named_for_it(ledger: Ledger, effective: str, holds: bool) -> None:
    """All effective costs are whole dollars: 11.6 becomes 12, but never 13."""
    ledger.charge("2026-10-05", ("11.6", effective, "12", "12"))
    (row,) = findings(ledger, "effective closes to billed")
    assert (row.difference, row.holds) == (D(effective) - D("11.6"), holds)
    if holds:
        assert row.cause == "rounding of effective cost to 0 decimals in the export +0.4"
        assert row.attention
