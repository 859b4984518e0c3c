"""Days of which nobody knows the use: the watch takes no team and no model for one that stopped."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from analyzer.anomaly_known import Told, known_span
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_anomaly import judged, stored

D = Decimal
FIRST = date(2026, 10, 5)  # a Monday
DAYS, LOGGED = 40, 30
API = {"service_name": "Bedrock", "model": "gpt", "sku_id": "out", "unit_class": "output"}
MACHINE = {"service_name": "Bedrock", "sku_id": "machine"}


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def bought(ledger: Ledger, *, billed: int = DAYS, logged: int = LOGGED, begin: int = 0) -> None:
    """Tokens for 100 a day, three quarters of them team it's; beside them a machine of the same service, tagged."""
    for number in range(DAYS):
        ledger.charge(day(number), "20", hours=all_hours(), tags={"team": "ops", "model": "rank"}, **MACHINE)
        if number < billed:
            ledger.charge(day(number), "100", quantity="100", pricing_unit="1K tokens", hours=all_hours(), **API)
        if begin <= number < logged:
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
