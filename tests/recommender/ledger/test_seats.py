"""What fewer seats saved, from the next bills of the contract: company costs imported as a person imports them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aispend.settings import Settings
from aispend.store import Store
from collectors.files.own_costs import import_own_costs
from recommender.ledger.untold import WHY_UNKNOWN, why_unknown
from tests.recommender.ledger.machines_paid import Paid, now

HEADER = "from,to,category,description,amount,currency,team,seats,seats_used\n"
BEFORE = "2026-08-01,2026-10-01,seat,Code assistant,6100,USD,search,100,60\n"
"""100 seats for the 61 days of August and September at 1 a day each."""
RENEWED = date(2026, 10, 1)
DONE = date(2026, 9, 10)
NAME = "contract:costs/Code assistant/search"


def books(store: Store, folder: Path, lines: str) -> None:
    path = folder / "costs.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    import_own_costs([path], store, Settings(home=folder), now)


def saved(store: Store, folder: Path, after: str, *, on: date = DONE, **advice: Any) -> tuple[dict[str, Any], Any]:
    """Lines of the ledger by month, and the baseline, where this is on the books from October on."""
    books(store, folder, BEFORE + after)
    with store.engine.begin() as connection:
        paid = Paid.__new__(Paid)
        paid.connection = connection
        given: dict[str, Any] = {"target": "seats", "evidence": {"end": f"{RENEWED}"}} | advice
        paid.advise("seats-1", NAME, kind="seats_and_credits", net="1125", provider="own", account="costs", **given)
        paid.done("seats-1", on)
        return paid.lines("seats-1"), paid.baseline("seats-1")


def parts(line: Any) -> tuple[Any, ...]:
    return line.counterfactual_cost, line.actual_cost, line.price_effect, line.realised


def test_fewer_seats_from_the_renewal_on_save_what_each_costs(database: Store, tmp_path: Path) -> None:
    """63 of 100 seats in October's 31 days: 3,100 would have been paid, 1,953 was, 37 × 31 is saved."""
    lines, before = saved(database, tmp_path, "2026-10,,seat,Code assistant,1953,USD,search,63,60\n")
    assert (before.counterfactual, before.unit, before.days, before.scopes) == ("kept_running", "seat", 28, ["costs"])
    assert (before.quantity, before.effective_cost) == (2800, 2800)
    assert list(lines) == ["2026-10"], "until it is renewed all seats are paid for"
    line = lines["2026-10"]
    assert parts(line) == (3100, 1953, 0, 1147)
    assert (line.first_day, line.quantity, line.remark) == (RENEWED, 3100, None)


def test_a_new_price_of_a_seat_is_the_vendors_and_not_saved(database: Store, tmp_path: Path) -> None:
    """63 seats at 1.10: of 3,100 − 2,148.30 the price took −310 back on all hundred, and 37 × 31 × 1.10 is saved."""
    lines, _ = saved(database, tmp_path, "2026-10,,seat,Code assistant,2148.30,USD,search,63,60\n")
    assert parts(lines["2026-10"]) == (3100, Decimal("2148.30"), -310, Decimal("1261.70"))


def test_lines_of_as_many_seats_each_count_each(database: Store, tmp_path: Path) -> None:
    """Renewed as 40 and 40, one with 35 and one with 25 in use: 20 × 31 is saved."""
    two = "2026-10,,seat,Code assistant,1240,USD,search,40,35\n2026-10,,seat,Code assistant,1240,USD,search,40,25\n"
    lines, _ = saved(database, tmp_path, two)
    assert parts(lines["2026-10"]) == (3100, 2480, 0, 620)


def test_lines_that_say_the_same_count_each(database: Store, tmp_path: Path) -> None:
    lines, _ = saved(database, tmp_path, "2026-10,,seat,Code assistant,1240,USD,search,40,30\n" * 2)
    assert parts(lines["2026-10"]) == (3100, 2480, 0, 620)


def test_as_many_seats_as_before_save_nothing(database: Store, tmp_path: Path) -> None:
    lines, _ = saved(database, tmp_path, "2026-10,,seat,Code assistant,3100,USD,search,100,60\n")
    assert lines["2026-10"].realised == 0


def test_a_line_of_no_seats_says_that_the_contract_ended(database: Store, tmp_path: Path) -> None:
    lines, _ = saved(database, tmp_path, "2026-10,,seat,Code assistant,0,USD,search,0,0\n")
    assert parts(lines["2026-10"]) == (3100, 0, 0, 3100)


@pytest.mark.parametrize(
    ("after", "says"),
    [
        # the book goes on without it, or under another name
        ("2026-10,,licence,Database,900,USD,,,\n", "It is not on the books from 2026-10-01 on: whether it was renewed"),
        ("2026-10,,seat,Code assistant,1953,USD,search,,\n", "Its line does not say how many seats were bought"),
        # a fortnight alone
        (
            "2026-10-01,2026-10-15,seat,Code assistant,882,USD,search,63,60\n2026-10,,licence,Database,900,USD,,,\n",
            "It is not on the books from 2026-10-15 on",
        ),
    ],
)
def test_what_the_books_do_not_say_is_unknown_and_not_zero(
    database: Store, tmp_path: Path, after: str, says: str
) -> None:
    lines, _ = saved(database, tmp_path, after)
    assert lines["2026-10"].realised is None
    assert lines["2026-10"].remark.startswith(says)


def test_told_after_the_renewal_what_was_paid_before_it_is_the_cost_before(database: Store, tmp_path: Path) -> None:
    lines, before = saved(
        database, tmp_path, "2026-10,,seat,Code assistant,1953,USD,search,63,60\n", on=date(2026, 10, 20)
    )
    assert (before.window_end, before.effective_cost) == (RENEWED, 2800)
    # from the day after it was told
    assert (lines["2026-10"].first_day, lines["2026-10"].realised) == (date(2026, 10, 21), 11 * 37)


def test_told_a_year_ahead_it_counts_twelve_months_from_the_renewal(database: Store, tmp_path: Path) -> None:
    """Told in September 2025: October 2026 is counted all the same, and November to its 20th."""
    after = "2026-10-01,2027-01-01,seat,Code assistant,5796,USD,search,63,60\n"
    before = "2025-08-01,2026-08-01,seat,Code assistant,36500,USD,search,100,60\n"
    lines, _ = saved(database, tmp_path, before + after, on=date(2025, 9, 20))
    assert {month: line.realised for month, line in lines.items()} == {"2026-10": 1147, "2026-11": 20 * 37}


def test_days_to_come_that_are_on_the_books_already_are_not_counted(database: Store, tmp_path: Path) -> None:
    """It is the 21st of November: 20 whole days of it."""
    lines, _ = saved(database, tmp_path, "2026-10-01,2027-01-01,seat,Code assistant,5796,USD,search,63,60\n")
    assert list(lines) == ["2026-10", "2026-11"]
    assert (lines["2026-11"].end_day, lines["2026-11"].realised) == (date(2026, 11, 21), 20 * 37)


def test_credits_that_are_used_up_in_time_lower_no_bill(database: Store, tmp_path: Path) -> None:
    lines, before = saved(
        database, tmp_path, "2026-10,,credit,Code assistant,100,USD,search,,\n", target="use_up:2026-11-01"
    )
    assert before.counterfactual == "unknown"
    assert lines["2026-10"].remark == why_unknown("seats_and_credits", "use_up:2026-11-01")
    assert "lowers no bill" in lines["2026-10"].remark
    assert "seats_and_credits" not in WHY_UNKNOWN
