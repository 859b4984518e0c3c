"""Contracts out of own costs and agreements, imported as a person imports them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.drawn import Drawn
from aispend.settings import Agreement, Settings
from aispend.store import Store
from collectors.files.own_costs import import_own_costs
from recommender.contract import Advice, WhyNot
from recommender.kinds.seats_and_credits import evaluate
from recommender.subjects.contracts import Contract, load_contracts

AS_OF = datetime(2026, 9, 16, tzinfo=UTC)
HEADER = "from,to,category,description,amount,currency,team,seats,seats_used,drawn,drawn_on\n"


def contracts(store: Store, clock: Clock, folder: Path, lines: str, *agreements: Agreement) -> dict[str, Contract]:
    path = folder / "costs.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    import_own_costs([path], store, Settings(home=folder), clock)
    with store.engine.connect() as connection:
        return {one.resource_id: one for one in load_contracts(connection, AS_OF, 30, agreements)}


def test_seats_and_credits_come_with_what_is_used_of_them(database: Store, clock: Clock, tmp_path: Path) -> None:
    """3,000 for September's thirty days: fifteen of them by the 16th; a credit of 1,200 from July to September."""
    found = contracts(
        database,
        clock,
        tmp_path,
        "2026-09,,seat,Code assistant,3000,USD,search,100,60,,\n"
        "2026-07-01,2026-10-01,credit,Inference credits,1200,USD,,,,310,2026-08-31\n"
        "2026-09,,licence,Vector database,900,USD,,,,,\n"
        "2026-07,,seat,Over,100,USD,,10,1,,\n",
    )
    assert set(found) == {"contract:costs/Code assistant/search", "contract:costs/Inference credits"}
    seats = found["contract:costs/Code assistant/search"]
    assert (seats.what, seats.seats, seats.seats_used, seats.team) == ("seats", 100, 60, "search")
    assert (seats.first, seats.end) == (date(2026, 9, 1), date(2026, 10, 1))
    assert [cost.effective_cost for cost in seats.costs] == [Decimal(100)] * 15
    credit = found["contract:costs/Inference credits"]
    assert (credit.total, credit.drawn, credit.drawn_until) == (1200, 310, date(2026, 9, 1))
    # 310 in the 62 days of July and August
    assert credit.per_day == 5


def only(store: Store, clock: Clock, folder: Path, lines: str) -> Contract:
    (found,) = contracts(store, clock, folder, lines).values()
    return found


def advise(contract: Contract) -> Advice:
    answer = evaluate(contract, Recommend())
    assert isinstance(answer, Advice), answer
    return answer


def refuse(contract: Contract) -> WhyNot:
    answer = evaluate(contract, Recommend())
    assert isinstance(answer, WhyNot), answer
    return answer


HUNDRED = "2026-01-01,2027-01-01,seat,Assistant,36500,USD,,100,95,,\n"
"""100 seats at 1 a day each, 95 in use."""


def test_seats_added_to_a_contract_are_its_seats(database: Store, clock: Clock, tmp_path: Path) -> None:
    """97 of 120 in use and 5 % to spare are 102: 18 go, at 1 a day × 730 / 24 = 30.4167 each."""
    added = "2026-06-01,2027-01-01,seat,Assistant,4280,USD,,20,2,,\n"
    found = only(database, clock, tmp_path, HUNDRED + added)
    assert (found.seats, found.seats_used, found.first) == (120, 97, date(2026, 6, 1))
    assert [cost.effective_cost for cost in found.costs] == [Decimal(120)] * 30
    advice = advise(found)
    assert advice.proposed == "renew with 102 seats"
    assert (advice.monthly_cost, advice.saving.net) == (Decimal("3650.00"), Decimal("547.50"))


def test_a_few_seats_added_to_a_full_contract_hide_no_spare_ones(database: Store, clock: Clock, tmp_path: Path) -> None:
    """8 of 110, though two lines say the same: 5 + 5 seats, 1 + 1 in use."""
    added = "2026-06-01,2027-01-01,seat,Assistant,1070,USD,,5,1,,\n" * 2
    found = only(database, clock, tmp_path, HUNDRED + added)
    assert (found.seats, found.seats_used) == (110, 97)
    assert advise(found).saving.net == Decimal("243.33")


def test_seats_that_one_of_two_lines_does_not_tell_are_not_known(database: Store, clock: Clock, tmp_path: Path) -> None:
    added = "2026-06-01,2027-01-01,seat,Assistant,4280,USD,,20,,,\n"
    found = only(database, clock, tmp_path, HUNDRED + added)
    assert (found.seats, found.seats_used) == (120, None)
    assert refuse(found).reason == "seats_unknown"


def test_what_seats_cost_before_more_were_added_is_not_their_cost_now(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """Ten days at 120, not twenty at 100 and ten at 120."""
    added = "2026-09-06,2027-01-01,seat,Assistant,2340,USD,,20,2,,\n"
    assert advise(only(database, clock, tmp_path, HUNDRED + added)).monthly_cost == Decimal("3650.00")


SIXTY = "2026-01-01,2026-10-01,seat,Assistant,27300,USD,,100,60,,\n"
"""100 seats until October at 1 a day each; 63 are enough."""


@pytest.mark.parametrize(
    ("seats", "used", "says"),
    [
        ("63", "60", "From 2026-10-01 on 63 seats are on the books, and 63 are enough."),
        ("80", "60", "From 2026-10-01 on 80 seats are on the books: how many of them are needed is looked at then."),
        ("", "", "From 2026-10-01 on it is on the books without its seats: add the columns seats and seats_used."),
    ],
)
def test_a_renewal_on_the_books_is_not_advised_on_as_if_it_were_to_come(
    database: Store, clock: Clock, tmp_path: Path, seats: str, used: str, says: str
) -> None:
    renewal = f"2026-10-01,2027-10-01,seat,Assistant,22000,USD,,{seats},{used},,\n"
    found = refuse(only(database, clock, tmp_path, SIXTY + renewal))
    assert (found.reason, found.explanation) == ("renewed", says)
    assert found.monthly_cost == Decimal("3041.67")


def test_on_the_day_of_a_renewal_what_is_known_is_the_term_before(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """Costs are known to yesterday: a hundred seats at theirs, not 63 at what a hundred cost."""
    lines = SIXTY.replace("2026-10-01", "2026-09-16") + "2026-09-16,2027-10-01,seat,Assistant,22000,USD,,63,60,,\n"
    found = only(database, clock, tmp_path, lines)
    assert (found.seats, found.renewed_from, found.renewed_seats) == (100, date(2026, 9, 16), 63)
    assert refuse(found).reason == "renewed"


def test_seats_and_a_credit_of_one_name_are_not_mixed(database: Store, clock: Clock, tmp_path: Path) -> None:
    lines = HUNDRED + "2026-01-01,2027-01-01,credit,Assistant,36500,USD,,,,20,2026-08-31\n"
    found = only(database, clock, tmp_path, lines)
    assert (found.what, found.seats, found.costs[-1].effective_cost) == ("seats", 100, 100)


def test_renewed_with_as_many_the_saving_begins_with_the_next_renewal(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    renewal = "2026-10-01,2027-10-01,seat,Assistant,36500,USD,,100,60,,\n"
    advice = advise(only(database, clock, tmp_path, SIXTY + renewal))
    assert advice.saving.net == Decimal("1125.42")
    assert advice.evidence["end"] == "2027-10-01"


@pytest.mark.parametrize(
    ("used", "proposed", "begins"),
    [("95", "renew with 102 seats", "2026-11-01"), ("60", "renew with 66 seats", "2027-01-01")],
)
def test_the_saving_begins_where_all_spare_seats_can_be_given_back(
    database: Store, clock: Clock, tmp_path: Path, used: str, proposed: str, begins: str
) -> None:
    """Of 120 seats 20 end in November: 18 can go then; 54 not before the hundred end too."""
    lines = HUNDRED.replace(",95,", f",{used},") + "2026-06-01,2026-11-01,seat,Assistant,3060,USD,,20,2,,\n"
    advice = advise(only(database, clock, tmp_path, lines))
    assert (advice.proposed, advice.evidence["end"]) == (proposed, begins)
    assert f"runs to {begins}" in advice.reason


def test_seats_planned_by_the_month_end_with_the_last_month(database: Store, clock: Clock, tmp_path: Path) -> None:
    """A count of its own each month is no renewal; the newest counts."""
    months = [("07", "310", "50"), ("08", "310", "58"), ("09", "300", "60"), ("10", "310", "60")]
    lines = "".join(f"2026-{month},,seat,Assistant,{cost}0,USD,,100,{used},,\n" for month, cost, used in months)
    found = only(database, clock, tmp_path, lines)
    assert (found.seats, found.seats_used, found.first, found.end) == (100, 60, date(2026, 7, 1), date(2026, 11, 1))
    assert advise(found).evidence["end"] == "2026-11-01"


def test_a_licence_without_seats_of_the_same_name_is_no_seat(database: Store, clock: Clock, tmp_path: Path) -> None:
    found = only(database, clock, tmp_path, HUNDRED + "2026-09,,licence,Assistant,3000,USD,,,,,\n")
    assert (found.seats, found.costs[-1].effective_cost) == (100, 100)


def test_a_licence_with_seats_of_the_same_name_is_of_the_contract(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """Both lines say the same but for what they are."""
    lines = HUNDRED + HUNDRED.replace(",seat,", ",licence,")
    found = only(database, clock, tmp_path, lines)
    assert (found.seats, found.seats_used, found.first, found.end) == (200, 190, date(2026, 1, 1), date(2027, 1, 1))


def test_no_seats_are_none_and_not_unknown(database: Store, clock: Clock, tmp_path: Path) -> None:
    found = refuse(only(database, clock, tmp_path, "2026-09,,seat,Assistant,0,USD,,0,0,,\n"))
    assert (found.reason, found.explanation) == ("no_seats", "Its line says that no seats are bought.")


LAST_YEAR = "2024-10-01,2025-10-01,credit,Tokens ahead,12000,USD,,,,12000,2025-09-30\n"


def test_a_credit_renewed_under_its_name_is_this_year_s(database: Store, clock: Clock, tmp_path: Path) -> None:
    """11,000 in the 335 days to the end of August are 32.8358 a day; in September's thirty 985.07: 14.93 are lost."""
    this_year = "2025-10-01,2026-10-01,credit,Tokens ahead,12000,USD,,,,11000,2026-08-31\n"
    found = only(database, clock, tmp_path, LAST_YEAR + this_year)
    assert (found.total, found.drawn, found.first, found.end) == (12_000, 11_000, date(2025, 10, 1), date(2026, 10, 1))
    assert found.per_day is not None
    assert round(found.per_day, 4) == Decimal("32.8358")
    assert advise(found).evidence["lost"] == "14.93"


def test_credits_in_a_row_that_say_the_same_are_told_apart_by_their_amount(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """Drawn without a day is drawn by today: 9,000 of 10,000 in 350 days."""
    before = "2024-10-01,2025-10-01,credit,Tokens ahead,12000,USD,,,,9000,\n"
    found = only(database, clock, tmp_path, before + "2025-10-01,2026-10-01,credit,Tokens ahead,10000,USD,,,,9000,\n")
    assert (found.total, found.drawn, found.first) == (10_000, 9_000, date(2025, 10, 1))


def test_credits_that_end_on_one_day_are_one_and_a_later_one_is_not_yet(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """6,000 and 1,000 of 12,000 and 3,000: by the first of their days, as both are known for it at least."""
    found = only(
        database,
        clock,
        tmp_path,
        "2026-01-01,2026-10-01,credit,Tokens ahead,12000,USD,,,,6000,2026-09-10\n"
        "2026-06-01,2026-10-01,credit,Tokens ahead,3000,USD,,,,1000,2026-08-31\n"
        "2026-08-01,2027-08-01,credit,Tokens ahead,9000,USD,,,,0,2026-08-31\n",
    )
    assert (found.total, found.drawn, found.first, found.end) == (15_000, 7_000, date(2026, 1, 1), date(2026, 10, 1))
    assert found.drawn_until == date(2026, 9, 1)


def test_a_contract_that_is_over_or_to_come_is_none(database: Store, clock: Clock, tmp_path: Path) -> None:
    lines = "2026-08,,seat,Assistant,3100,USD,,100,60,,\n2026-10,,seat,Assistant,3100,USD,,100,60,,\n"
    assert contracts(database, clock, tmp_path, lines) == {}


def test_an_agreement_is_drawn_as_the_analysis_says(database: Store) -> None:
    """And where nobody asked it, what is drawn is unknown; one that is to come is none yet."""
    floor = Agreement.model_validate(
        {"name": "floor", "provider": "own", "from": date(2026, 9, 1), "to": date(2026, 11, 1), "committed": 10_000}
    )
    later = floor.model_copy(update={"name": "later", "valid_from": date(2026, 10, 1)})
    told = Drawn("floor", Decimal(1500), date(2026, 9, 16), Decimal(100), Decimal(6100))
    with database.engine.connect() as connection:
        (known,) = load_contracts(connection, AS_OF, 30, [floor, later], [told])
        (unknown,) = load_contracts(connection, AS_OF, 30, [floor])
    assert (known.total, known.drawn, known.drawn_until, known.per_day) == (10_000, 1500, date(2026, 9, 16), 100)
    assert known.expected == 6100
    assert (unknown.drawn, unknown.drawn_until, unknown.per_day, unknown.expected) == (None, None, None, None)
