"""Days of which nobody knows the use: the watch takes no team and no model for one that stopped."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from analyzer.anomaly_known import Told, known_span, without_holes
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_anomaly import judged, stored

D = Decimal
FIRST = date(2026, 10, 5)  # a Monday
DAYS, LOGGED = 40, 30
API = {"service_name": "Bedrock", "model": "gpt", "sku_id": "out", "unit_class": "output"}
MACHINE = {"service_name": "Bedrock", "sku_id": "machine"}


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def bought(
    ledger: Ledger,
    *,
    billed: int = DAYS,
    logged: int = LOGGED,
    begin: int = 0,
    hole: range = range(0),
    unbought: range = range(0),
) -> None:
    """Tokens for 100 a day, three quarters of them team it's; beside them a machine of the same service, tagged."""
    for number in range(DAYS):
        ledger.charge(day(number), "20", hours=all_hours(), tags={"team": "ops", "model": "rank"}, **MACHINE)
        if number < billed and number not in unbought:
            ledger.charge(day(number), "100", quantity="100", pricing_unit="1K tokens", hours=all_hours(), **API)
        if begin <= number < logged and number not in hole:
            for team, tokens in (("it", 75_000), ("sales", 25_000)):
                ledger.usage({"requests": 10, "output": tokens}, model="gpt", team=team, day=day(number))


def test_a_log_that_ends_while_the_bill_goes_on_is_no_team_that_stopped(ledger: Ledger) -> None:
    """Of the last ten days' 1,000 no team is known; nobody's spend is not what rose, nor did it's 75 a day fall."""
    bought(ledger)
    assert judged(ledger).found == 0
    by_team = ledger.shares("team", where="sku_id = 'out'")
    assert by_team == {"it": D(2250), "sales": D(750), None: D(1000)}
    unknown = ledger.shares("reason", "rung", "method", where="team IS NULL")
    assert unknown == {("direct", "charge", "model=platform"): D(1000)}


def test_a_log_that_begins_after_the_bill_is_no_fall_of_what_is_nobodys(ledger: Ledger) -> None:
    bought(ledger, begin=25, logged=DAYS)
    assert judged(ledger).found == 0


def test_a_team_that_a_log_begins_to_tell_is_not_new(ledger: Ledger) -> None:
    """Of the first thirty days' spend no team is known: that of the last ten may have been theirs all along."""
    bought(ledger, begin=30, logged=DAYS)
    assert judged(ledger).found == 0


def test_a_hole_in_a_log_is_no_team_that_stopped_for_a_while(ledger: Ledger) -> None:
    """Of four days' 400 in the midst of the log no team is known: it's 75 a day did not fall, nor did nobody's rise."""
    bought(ledger, logged=DAYS, hole=range(33, 37))
    assert judged(ledger).found == 0
    assert ledger.shares("team", where="sku_id = 'out'") == {"it": D(2700), "sales": D(900), None: D(400)}


def test_a_rise_beside_a_hole_is_told(ledger: Ledger) -> None:
    bought(ledger, logged=DAYS, hole=range(30, 32))
    for number in (36, 37):
        ledger.charge(day(number), "900", quantity="900", pricing_unit="1K tokens", hours=all_hours(), **API)
    judged(ledger)
    found = stored(ledger, "cut, value, first_day, last_day")
    assert found == [("model", "gpt", FIRST + timedelta(days=36), FIRST + timedelta(days=37))]


def test_a_team_that_buys_nothing_for_a_while_is_told(ledger: Ledger) -> None:
    """The bill has no tokens either on these four days: nothing is nobody's, and the log has no hole."""
    bought(ledger, logged=DAYS, hole=range(33, 37), unbought=range(33, 37))
    judged(ledger)
    assert ("drop", "model", "gpt") in [row[:3] for row in stored(ledger)]


def test_a_team_that_stops_buying_is_told(ledger: Ledger) -> None:
    """Bill and log end together: 75 a day of team it are missed, told once by the model."""
    bought(ledger, billed=LOGGED)
    judged(ledger)
    ((kind, cut, value, first, *_),) = stored(ledger)
    assert (kind, cut, value, first) == ("drop", "model", "gpt", FIRST + timedelta(days=LOGGED))


def test_a_rise_before_the_log_ends_is_told_to_the_last_day_known(ledger: Ledger) -> None:
    bought(ledger)
    for number in (28, 29):
        ledger.charge(day(number), "900", quantity="900", pricing_unit="1K tokens", hours=all_hours(), **API)
    judged(ledger)
    found = stored(ledger, "cut, value, first_day, last_day")
    assert found == [("model", "gpt", FIRST + timedelta(days=28), FIRST + timedelta(days=29))]


def test_a_span_is_what_all_that_tells_a_value_knows() -> None:
    """The first service tells team it until the 20th, the second from the 5th on; sales is told 5 a day, too little to
    be missed; ops by nothing. Nobody's is what any of them tells of anybody."""
    begin, end = date(2026, 10, 1), date(2026, 11, 1)
    one = Told("team", "it", "USD", date(2026, 10, 1), date(2026, 10, 20), D(75))
    other = Told("team", "it", "USD", date(2026, 10, 5), date(2026, 10, 31), D(75))
    little = Told("team", "sales", "USD", date(2026, 10, 9), date(2026, 10, 12), D(5))
    told = [one, other, little]
    assert known_span(told, ("team", "it", "USD"), begin, end, D(10)) == (date(2026, 10, 5), date(2026, 10, 21))
    assert known_span(told, ("team", None, "USD"), begin, end, D(10)) == (date(2026, 10, 5), date(2026, 10, 21))
    for name in (("team", "sales", "USD"), ("team", "ops", "USD"), ("model", "it", "USD"), ("team", "it", "EUR")):
        assert known_span(told, name, begin, end, D(10)) == (begin, end)


def test_a_hole_is_as_the_same_weekday_before_it_else_after() -> None:
    """Days 0 to 20 cost 0 to 20; holes on the 3rd, the 9th and the 16th, and on the 6th, 13th and 20th, which are all
    of a weekday: 10 is the next of the 3rd's, 2 the last of the other two, and of the rest nothing is alike."""
    costs = [D(number) for number in range(21)]
    holes = frozenset(FIRST + timedelta(days=number) for number in (3, 9, 16, 6, 13, 20, 33))
    told = [Told("team", "it", "USD", date.min, date.max, D(75), holes)]
    filled = without_holes(told, ("team", "it", "USD"), FIRST, costs, D(10))
    assert {number: int(cost) for number, cost in enumerate(filled) if cost != number} == {3: 10, 9: 2, 16: 2}
    assert without_holes(told, ("team", "ops", "USD"), FIRST, costs, D(10)) == tuple(costs)
    assert without_holes(told, ("team", "it", "USD"), FIRST, costs, D(75)) == tuple(costs)
