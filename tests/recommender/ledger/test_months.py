"""The savings ledger on bills made by hand: every amount is worked out beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from aispend.schema import recommendation_event, saving
from aispend.settings import Agreement
from aispend.store import Store
from recommender.ledger.floors import Floor
from recommender.ledger.months import outcome_of
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, SEPTEMBER, Paid

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
WHOLE_OCTOBER = 31 * 24
COVERED: dict[str, Any] = {"kind": {"pricing_category": "Committed"}, "commitment_id": "sp-1"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October, and to 15 November."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
        yield world


def _parts(line: Any) -> tuple[Any, ...]:
    return line.counterfactual_cost, line.actual_cost, line.price_effect, line.commitment_effect, line.realised


def _adds_up(line: Any) -> bool:
    parts = (line.price_effect, line.commitment_effect, line.floor_effect, line.realised)
    return bool(sum(part or 0 for part in parts) == line.counterfactual_cost - line.actual_cost)


def test_a_stop_saves_the_hours_it_would_have_run(paid: Paid) -> None:
    """14 days at 240 before; 20 days of September, all of October and 15 days of November without it."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)

    lines = paid.lines("stop-1")

    assert {month: line.realised for month, line in lines.items()} == {
        "2026-09": 4800,
        "2026-10": 7440,
        "2026-11": 3600,
    }
    assert _parts(lines["2026-10"]) == (7440, 0, 0, 0, 7440)
    assert (lines["2026-10"].quantity, lines["2026-10"].remark) == (WHOLE_OCTOBER, None)
    # 7,300 for 730 hours, for 744: 7,440, and its range
    assert (lines["2026-10"].predicted_net, lines["2026-10"].predicted_p10) == (7440, 6696)
    assert all(_adds_up(line) for line in lines.values())


def test_a_month_that_is_not_final_is_provisional_and_verifies_nothing(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 10, 5))
    lines = paid.lines("stop-1")
    assert {month: line.is_final for month, line in lines.items()} == {"2026-10": True, "2026-11": False}
    assert (lines["2026-11"].first_day, lines["2026-11"].end_day) == (NOVEMBER, date(2026, 11, 16))
    assert paid.state("stop-1") == "done"
    assert paid.baseline("stop-1").outcome is None


def test_the_first_whole_final_month_verifies_it_with_its_result(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.lines("stop-1")
    paid.lines("stop-1")
    baseline = paid.baseline("stop-1")
    assert (paid.state("stop-1"), baseline.verified_month, baseline.outcome) == ("verified", OCTOBER, "within")
    events = paid.connection.execute(
        select(recommendation_event.c.event, recommendation_event.c.reason).order_by(recommendation_event.c.event_id)
    ).all()
    assert events == [("done", None), ("verified", "2026-10: 7,440.00 USD realised, promised 7,440.00")]


def test_what_went_on_running_is_a_miss_and_shown(paid: Paid) -> None:
    """It ran on through October: 7,440 would have been paid and 7,440 were."""
    paid.hours("i-1", BEFORE, date(2026, 11, 1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert _parts(line) == (7440, 7440, 0, 0, 0)
    assert line.remark == "Still paid for on every day: it was not stopped, or it was started again."
    assert (paid.state("stop-1"), paid.baseline("stop-1").outcome) == ("verified", "miss")
    # stopped at last in November: no longer said to be paid for still
    assert paid.baseline("stop-1").restarted_on is None


def test_a_stop_never_made_is_a_miss_even_where_it_cost_less(paid: Paid) -> None:
    """Half the hours of every day to 15 November: 3,720 of 7,440 saved, with no range, and still paid for."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), date(2026, 11, 16), hours="12")
    no_range: dict[str, Any] = dict.fromkeys(("saving_p10", "saving_p50", "saving_p90"))
    paid.done(paid.advise("stop-1", "i-1", **no_range), DONE)
    assert paid.lines("stop-1")["2026-10"].realised == 3720
    baseline = paid.baseline("stop-1")
    assert (baseline.outcome, baseline.restarted_on) == ("miss", DONE + timedelta(days=1))


@pytest.mark.parametrize(
    ("realised", "promised", "low", "high", "outcome"),
    [
        # the bill of a machine that was paid for every day: 8.00 of 336.16
        ("8", "336.16", None, None, "miss"),
        ("49.99", "100", None, None, "miss"),
        ("50", "100", None, None, "saved"),
        ("90", "100", None, None, "within"),
        ("110", "100", None, None, "within"),
        ("110.01", "100", None, None, "above"),
        ("0", "0", None, None, "within"),
        ("40", "100", "30", "120", "within"),
        ("89", "100", "90", "110", "miss"),
        # promised more exactly than to a tenth: judged to a tenth
        ("99", "100", "99.5", "100", "within"),
        ("89", "100", "99.5", "100", "saved"),
        ("49", "100", "99.5", "100", "miss"),
        ("111", "100", "99.5", "100", "above"),
        ("121", "100", "30", "120", "above"),
        ("5", None, None, None, "saved"),
    ],
)
def test_what_a_verified_month_is_called(
    realised: str, promised: str | None, low: str | None, high: str | None, outcome: str
) -> None:
    amounts = {"realised": realised, "predicted_net": promised, "predicted_p10": low, "predicted_p90": high}
    line = {name: None if amount is None else Decimal(amount) for name, amount in amounts.items()}
    assert outcome_of(line) == outcome


def test_a_stop_that_is_paid_for_again_within_a_week_was_regretted(paid: Paid) -> None:
    for name, again in (("i-1", 5), ("i-2", 8)):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
        paid.hours(name, DONE + timedelta(days=again), DONE + timedelta(days=again + 2))
        paid.done(paid.advise(f"stop-{name}", name), DONE)
    lines = paid.lines("stop-i-1")
    # two days of 24 hours came back: 4,800 − 480
    assert lines["2026-09"].realised == 4320
    assert paid.baseline("stop-i-1").restarted_on == DONE + timedelta(days=5)
    assert paid.baseline("stop-i-2").restarted_on is None


def test_a_planned_end_is_the_end_of_what_is_saved(paid: Paid) -> None:
    """It would have ended on 21 September: ten days × 240, and as no month can be whole that verifies it."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE, planned_end=date(2026, 9, 21))
    lines = paid.lines("stop-1")
    assert {month: line.realised for month, line in lines.items()} == {"2026-09": 2400}
    assert paid.state("stop-1") == "verified"


def test_a_resize_saves_the_difference_for_the_hours_it_ran(paid: Paid) -> None:
    """In October it ran on 10 days, at 4 an hour instead of 10: 240 h × 6 = 1,440."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", OCTOBER, date(2026, 10, 11), rate="4", list_rate="5", instance_type="g5.xlarge")
    paid.done(paid.advise("size-1", "i-1", kind="rightsize", target="g5.xlarge"), DONE)
    lines = paid.lines("size-1")
    assert _parts(lines["2026-10"]) == (2400, 960, 0, 0, 1440)
    # neither it nor anything in its place in September
    assert _parts(lines["2026-09"]) == (None, 0, None, None, None)
    assert "nothing to compare" in lines["2026-09"].remark


def test_what_replaced_it_counts_with_it_once(paid: Paid) -> None:
    """Two nodes of a fleet were replaced by two new ones of half the price: 24 h × 5 a day each, for 10 days."""
    for old, new in (("i-1", "i-3"), ("i-2", "i-4")):
        paid.hours(old, BEFORE, DONE + timedelta(days=1))
        paid.hours(new, OCTOBER, date(2026, 10, 11), rate="5", list_rate="6", instance_type="g5.xlarge")
        paid.know(old, fleet="pool", first_seen=BEFORE)
        paid.know(new, fleet="pool", first_seen=OCTOBER)
        paid.done(paid.advise(f"size-{old}", old, kind="rightsize"), DONE)
    assert [paid.lines(f"size-{old}")["2026-10"].realised for old in ("i-1", "i-2")] == [1200, 1200]


@pytest.mark.parametrize("kind", ["rightsize", "accelerator", "spot"])
def test_what_nothing_known_took_the_place_of_is_unknown_and_no_miss(paid: Paid, kind: str) -> None:
    """A smaller machine at 4 an hour does its work, with neither fleet, name nor alias of it: 4,464 nobody sees."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-2", DONE + timedelta(days=1), date(2026, 11, 16), rate="4", list_rate="5", instance_type="g5.xlarge")
    paid.done(paid.advise("size-1", "i-1", kind=kind, net="4380"), DONE)
    line = paid.lines("size-1")["2026-10"]
    assert _parts(line) == (None, 0, None, None, None)
    assert line.remark == (
        "Neither it nor anything known to have replaced it was paid for, so there is nothing to compare."
    )
    assert (paid.state("size-1"), paid.baseline("size-1").outcome) == ("done", None)


def test_a_spot_price_saves_the_difference_of_rates(paid: Paid) -> None:
    """A price kind: 744 hours at 3 instead of 10."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="3", kind={"pricing_category": "Dynamic"})
    paid.done(paid.advise("rate-1", "i-1", kind="rightsize"), DONE)
    assert _parts(paid.lines("rate-1")["2026-10"]) == (7440, 2232, 0, 0, 5208)


def test_a_new_list_price_is_taken_out_and_stands_apart(paid: Paid) -> None:
    """The provider made the type 20 % cheaper in October, as the bill of another machine shows: list 10 for 12.50."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    for day in (date(2026, 10, 2), date(2026, 10, 3)):
        paid.hours("i-new", day, day + timedelta(days=1), rate="8", list_rate="10")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    # 48 hours at 10 and 24 at 12.50 are 10.8333… on average: 0.8666… of what it was
    ratio = Decimal("0.866666666667")
    assert line.price_effect == 7440 * (1 - ratio)
    assert line.realised == 7440 - line.price_effect
    assert _adds_up(line)


def test_a_list_price_nobody_paid_is_unknown_and_said(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), instance_type="odd.type")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert (line.price_effect, line.realised) == (None, 7440)
    assert "is in what is realised" in line.remark


def test_commitments_that_come_to_cover_it_are_taken_out(paid: Paid) -> None:
    """4 an hour after the resize, half of October's 480 hours covered at 3: saved are 480 × 6, and 240 × 1 is drift."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    small: dict[str, Any] = {"list_rate": "5", "instance_type": "g5.xlarge"}
    paid.hours("i-1", OCTOBER, date(2026, 10, 11), rate="4", **small)
    paid.hours("i-1", date(2026, 10, 11), date(2026, 10, 21), rate="3", **small, **COVERED)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    line = paid.lines("size-1")["2026-10"]
    assert _parts(line) == (4800, 1680, 0, 240, 2880)
    assert _adds_up(line)


def test_a_stop_of_what_a_commitment_covers_saves_nothing(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), **COVERED)
    paid.done(paid.advise("stop-1", "i-1", net="0"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert (line.commitment_effect, line.realised) == (7440, 0)
    # nothing was promised, so it is no miss
    assert paid.baseline("stop-1").outcome == "within"


def test_what_is_saved_below_an_agreement_s_floor_counts_as_nothing(paid: Paid) -> None:
    """1,000 will be missing at the end of October: of the 12,240 saved by then 1,000 are paid all the same."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    agreement = Agreement.model_validate(
        {"name": "edp", "provider": "aws", "from": "2026-01-01", "to": "2026-11-01", "committed": "100000"}
    )
    lines = paid.lines("stop-1", Floor(agreement, Decimal(1000)))
    taken = [lines[month].floor_effect for month in ("2026-09", "2026-10", "2026-11")]
    assert taken == [Decimal("392.156862745098"), Decimal("607.843137254902"), 0]
    assert lines["2026-10"].realised == 7440 - taken[1]
    assert "agreement edp will not be reached" in lines["2026-10"].remark
    assert all(_adds_up(line) for line in lines.values())
    all_of_it = paid.lines("stop-1", Floor(agreement, Decimal(50000)))
    assert (all_of_it["2026-10"].realised, all_of_it["2026-10"].floor_effect) == (0, 7440)
    unknown = paid.lines("stop-1", Floor(agreement, None))
    assert (unknown["2026-10"].realised, unknown["2026-10"].floor_effect) == (None, None)
    assert "agreement edp is drawn down is unknown" in unknown["2026-10"].remark


def test_a_cost_the_bill_does_not_give_is_unknown_and_not_zero(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", OCTOBER, date(2026, 10, 3), rate=None)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert (line.realised, line.counterfactual_cost) == (None, None)
    assert line.remark == "The bill gives no cost of it on 2 days."
    assert paid.state("stop-1") == "done"


def test_a_later_change_of_the_same_machine_ends_the_line_of_the_earlier(paid: Paid) -> None:
    """Resized to half on 10 September, stopped on 30 September: from October on the stop saves the 5 an hour left."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), OCTOBER, rate="5")
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 9, 30))
    first, second = paid.lines("size-1"), paid.lines("stop-1")
    assert {month: line.realised for month, line in first.items()} == {"2026-09": 19 * 24 * 5}
    # measured from 11 to 29 September, as it was since the resize
    assert second["2026-10"].realised == 744 * 5


def test_a_month_that_is_not_loaded_has_no_line(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert "2026-12" not in paid.lines("stop-1")
    paid.connection.execute(saving.delete())
    assert list(paid.lines("stop-1")) == [f"{month:%Y-%m}" for month in (SEPTEMBER, OCTOBER, NOVEMBER)]
