"""Any cut of cost, against values worked out from the table in tests/reports/company.py."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import combinations

import pytest
from sqlalchemy import Connection, delete, update

from aispend.errors import UsageError
from aispend.money import exact_sum
from aispend.schema import analysis_state, slice_
from aispend.store import Store
from reports.formats import basis_lines, inclusion
from reports.views import DIMENSIONS, Costs, SpendQuery, Window, spend
from tests.reports.company import I_A, NOVEMBER, OCTOBER
from tests.reports.ledger import Ledger, Share

BOTH_MONTHS = Window(date(2026, 10, 1), date(2026, 12, 1))
EUROS = Decimal("40.000000000001")


def cut(connection: Connection, *by: str, **options: object) -> dict[tuple[object, ...], Decimal | None]:
    """Effective cost by cut, with the currency as the last part of the key."""
    options = {"window": BOTH_MONTHS, **options}
    return {
        (*row.cut, row.currency): row.costs.effective_cost
        for row in spend(connection, SpendQuery(by=by, **options)).rows  # type: ignore[arg-type]
    }


def test_every_cut_of_one_dimension(company: Connection) -> None:
    """Worked out by hand; each adds up to the bills: 126.60-10 USD net of the credit and 40.000000000001 EUR."""
    assert cut(company, "provider") == {("aws", "USD"): Decimal("126.6"), ("gcp", "EUR"): EUROS}
    assert cut(company, "account") == {
        ("222", "USD"): Decimal("17.6"),
        ("333", "USD"): Decimal(100),
        ("111", "USD"): Decimal(9),
        ("proj-1", "EUR"): EUROS,
    }
    assert cut(company, "service") == {
        ("Amazon EC2", "USD"): Decimal("17.5"),
        ("Amazon Bedrock", "USD"): Decimal("0.1"),
        ("Amazon S3", "USD"): Decimal(100),
        (None, "USD"): Decimal(9),
        ("Vertex AI", "EUR"): EUROS,
    }
    assert cut(company, "region") == {
        ("us-east-1", "USD"): Decimal("117.6"),
        (None, "USD"): Decimal(9),
        ("europe-west4", "EUR"): EUROS,
    }
    assert cut(company, "resource") == {
        (I_A, "USD"): Decimal("17.5"),
        (None, "USD"): Decimal("109.1"),
        (None, "EUR"): EUROS,
    }
    assert cut(company, "model") == {
        ("llama-3-70b", "USD"): Decimal("17.5"),
        ("claude", "USD"): Decimal("0.1"),
        (None, "USD"): Decimal(109),
        ("gemma", "EUR"): EUROS,
    }
    assert cut(company, "stage") == {
        ("inference_online", "USD"): Decimal("17.6"),
        ("unknown", "USD"): Decimal(109),
        ("training", "EUR"): EUROS,
    }
    assert cut(company, "team") == {
        ("search", "USD"): Decimal("17.5"),
        (None, "USD"): Decimal("109.1"),
        ("search", "EUR"): EUROS,
    }
    assert cut(company, "day") == {
        (date(2026, 10, 31), "USD"): Decimal(10),
        (date(2026, 11, 1), "USD"): Decimal("12.5"),
        (date(2026, 11, 2), "USD"): Decimal("104.1"),
        (date(2026, 11, 2), "EUR"): EUROS,
    }
    assert cut(company, "month") == {
        (OCTOBER, "USD"): Decimal(10),
        (NOVEMBER, "USD"): Decimal("116.6"),
        (NOVEMBER, "EUR"): EUROS,
    }
    assert cut(company, "charge_category") == {
        ("Usage", "USD"): Decimal("122.6"),
        ("Credit", "USD"): Decimal(-5),
        ("Tax", "USD"): Decimal(9),
        ("Usage", "EUR"): EUROS,
    }
    assert cut(company, "reason") == {
        ("used", "USD"): Decimal("13.5"),
        ("idle", "USD"): Decimal(9),
        ("credit", "USD"): Decimal(-5),
        ("direct", "USD"): Decimal("0.1"),
        ("not_ai", "USD"): Decimal(100),
        ("tax", "USD"): Decimal(9),
        ("direct", "EUR"): EUROS,
    }
    assert cut(company, "rung") == {
        ("instance-hour", "USD"): Decimal("17.5"),
        ("charge", "USD"): Decimal("109.1"),
        ("charge", "EUR"): EUROS,
    }
    assert cut(company, "ai") == {
        (True, "USD"): Decimal("17.6"),
        (False, "USD"): Decimal(109),
        (True, "EUR"): EUROS,
    }
    for key in ("team", "te-am"):
        assert cut(company, f"tag:{key}") == {
            ("search", "USD"): Decimal("17.5"),
            (None, "USD"): Decimal("109.1"),
            ("search", "EUR"): EUROS,
        }


@pytest.mark.parametrize("axis", ["usage", "billing"])
def test_any_two_cuts_add_up_to_the_bill(company: Connection, axis: str) -> None:
    """Whichever source answers, all four costs add up to the same."""
    pairs = [
        pair for pair in combinations((*DIMENSIONS, "tag:team"), 2) if {"resource", "tag:team", "reason"} & set(pair)
    ]
    assert len(pairs) == 39

    for pair in pairs:
        found = spend(company, SpendQuery(by=pair, window=BOTH_MONTHS, axis=axis))  # type: ignore[arg-type]
        for total in found.totals:
            rows = [row for row in found.rows if row.currency == total.currency]
            assert total.costs.effective_cost == {"USD": Decimal("126.6"), "EUR": EUROS}[total.currency], pair
            assert total.costs.list_cost == {"USD": Decimal("140.1"), "EUR": None}[total.currency], pair
            assert total.ai == {"USD": Decimal("17.6"), "EUR": EUROS}[total.currency], pair
            assert exact_sum(row.costs.billed_cost or Decimal(0) for row in rows) == total.costs.billed_cost, pair


def test_default_period_is_the_last_thirty_days_with_data(company: Connection) -> None:
    basis = spend(company, SpendQuery()).basis

    assert basis.window == Window(date(2026, 10, 4), date(2026, 11, 3))
    assert basis.newest_day == date(2026, 11, 2)
    assert basis.data_as_of == datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_the_end_of_a_period_is_not_in_it(company: Connection) -> None:
    window = Window(date(2026, 10, 31), date(2026, 11, 1))

    assert cut(company, "day", window=window) == {(date(2026, 10, 31), "USD"): Decimal(10)}


def test_ai_spend_is_before_tax_as_no_tax_is_ever_ai(company: Connection) -> None:
    """The company's tax of 9 USD is in all spend, and in none of its AI spend."""
    everything = spend(company, SpendQuery(by=("charge_category",)))
    of_ai = spend(company, SpendQuery(by=("charge_category",), ai_only=True))

    assert [row.costs.billed_cost for row in everything.rows if row.cut == ("Tax",)] == [Decimal(9)]
    assert [row for row in of_ai.rows if row.cut == ("Tax",)] == []
    assert inclusion(everything.basis) == "tax and credits included"
    assert inclusion(of_ai.basis) == "before tax, credits included"
    assert "AI spend by effective cost, before tax, credits included" in basis_lines(of_ai.basis)[0]


@pytest.mark.parametrize(
    ("without", "ai_only", "said"),
    [
        (("tax",), False, "without tax"),
        (("tax", "credit"), False, "without tax and credit"),
        (("tax",), True, "before tax, credits included"),
        (("tax", "credit"), True, "before tax, without credit"),
    ],
)
def test_what_is_left_out_is_said(company: Connection, without: tuple[str, ...], ai_only: bool, said: str) -> None:
    assert inclusion(spend(company, SpendQuery(without=without, ai_only=ai_only)).basis) == said


def test_tax_and_credits_can_be_left_out(company: Connection) -> None:
    assert cut(company, "provider", without=("tax",)) == {("aws", "USD"): Decimal("117.6"), ("gcp", "EUR"): EUROS}
    assert cut(company, "provider", without=("tax", "credit")) == {
        ("aws", "USD"): Decimal("122.6"),
        ("gcp", "EUR"): EUROS,
    }


@pytest.mark.parametrize("by", [("provider",), ("provider", "resource"), ("provider", "tag:team")])
def test_ai_only(company: Connection, by: tuple[str, ...]) -> None:
    found = spend(company, SpendQuery(by=by, window=BOTH_MONTHS, ai_only=True))

    assert {total.currency: total.costs.effective_cost for total in found.totals} == {
        "USD": Decimal("17.6"),
        "EUR": EUROS,
    }
    assert found.basis.scope == "AI spend"


def test_unknown_columns_are_null_and_named(company: Connection) -> None:
    """Google's bill gives no list cost: NULL on its own row, and the bill is named as a gap."""
    found = spend(company, SpendQuery(by=("provider",), window=BOTH_MONTHS))
    by_provider = {row.cut[0]: row for row in found.rows}

    assert by_provider["gcp"].costs.list_cost is None
    assert by_provider["gcp"].partly_unknown == ()
    assert by_provider["aws"].costs.list_cost == Decimal("140.1")
    assert [(gap.provider, gap.scope, gap.unknown) for gap in found.basis.gaps] == [
        ("gcp", "BA-1", ("list_cost", "contracted_cost"))
    ]


def test_a_sum_that_misses_a_bill_says_so(database: Store) -> None:
    """Two bills in one currency, one of them without list cost: the sum covers the other alone, and is marked."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        whole = ledger.bill("aws", "1", NOVEMBER)
        partial = ledger.bill("azure", "2", NOVEMBER, known=("billed_cost",))
        for slice_id, provider, costs in (
            (whole, "aws", ("1", "1", "2", "1")),
            (partial, "azure", ("4", None, None, None)),
        ):
            ledger.charge(slice_id, NOVEMBER, [Share(costs, model="m")], provider=provider)
        ledger.roll_up()
        (row,) = spend(connection, SpendQuery(by=("model",))).rows

    assert row.costs.billed_cost == Decimal(5)
    assert row.costs.list_cost == Decimal(2)
    assert row.partly_unknown == ("effective_cost", "list_cost", "contracted_cost")


CUTS_OF_EACH_SOURCE = [
    ("provider",),  # spend_day
    ("provider", "resource"),  # spend_resource_month, on the billing axis
    ("provider", "resource", "day"),  # cost
    ("provider", "tag:team"),
    ("provider", "tag:team", "model"),  # cost by share
]


def insert_gaps(ledger: Ledger) -> None:
    """One day of three bills; of Azure's pair the amortised half keeps the list cost, the actual one the contracted.

    ======== ==== ====== ========= ==== ========== =========================================
    provider half billed effective list contracted what the sums leave out
    ======== ==== ====== ========= ==== ========== =========================================
    aws           1      1         2    1
    aws           3      unknown   unknown 3       an effective and a list cost
    gcp           5      5         unknown 5       the bill's only list cost: nothing is shown
    azure    1    7                     7
    azure    1    8                     unknown    a contracted cost
    azure    2           9         9
    azure    2           10        unknown         a list cost
    ======== ==== ====== ========= ==== ========== =========================================
    """
    for provider, charges in (
        ("aws", [(0, ("1", "1", "2", "1")), (0, ("3", None, None, "3"))]),
        ("gcp", [(0, ("5", "5", None, "5"))]),
        (
            "azure",
            [
                (1, ("7", None, None, "7")),
                (1, ("8", None, None, None)),
                (2, (None, "9", "9", None)),
                (2, (None, "10", None, None)),
            ],
        ),
    ):
        dataset = {"azure": "azure_actual+azure_amortized"}.get(provider, "focus")
        slice_id = ledger.bill(provider, "1", NOVEMBER, dataset=dataset)
        for half, costs in charges:
            ledger.charge(slice_id, NOVEMBER, [Share(costs, model="m")], provider=provider, half=half, resource_id="r")
    ledger.roll_up()


@pytest.mark.parametrize("axis", ["usage", "billing"])
@pytest.mark.parametrize("by", CUTS_OF_EACH_SOURCE)
def test_a_sum_that_misses_single_charges_says_so(database: Store, by: tuple[str, ...], axis: str) -> None:
    """Whichever source answers. A cost that no charge has is NULL, and no star stands beside it."""
    with database.engine.begin() as connection:
        insert_gaps(Ledger(connection))
        found = spend(connection, SpendQuery(by=by, window=BOTH_MONTHS, axis=axis))  # type: ignore[arg-type]

    assert {row.cut[0]: (row.costs, row.partly_unknown) for row in found.rows} == {
        "aws": (Costs(Decimal(4), Decimal(1), Decimal(2), Decimal(4)), ("effective_cost", "list_cost")),
        "gcp": (Costs(Decimal(5), Decimal(5), None, Decimal(5)), ()),
        "azure": (Costs(Decimal(15), Decimal(19), Decimal(9), Decimal(7)), ("list_cost", "contracted_cost")),
    }
    (total,) = found.totals
    assert total.costs == Costs(Decimal(24), Decimal(25), Decimal(11), Decimal(16))
    assert total.partly_unknown == ("effective_cost", "list_cost", "contracted_cost")
    assert (total.ai, total.ai_is_partly_unknown) == (Decimal(25), True)
    assert found.basis.lacking == total.partly_unknown
    assert found.basis.gaps == ()


def test_a_bill_that_promises_a_cost_and_never_states_it_is_left_out_with_a_star(database: Store) -> None:
    """The sum of the model is the other bill's 2; charge by charge as in the roll-up."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        for provider, listed in (("aws", "2"), ("gcp", None)):
            slice_id = ledger.bill(provider, "1", NOVEMBER)
            ledger.charge(slice_id, NOVEMBER, [Share(("1", "1", listed, "1"), model="m")], provider=provider)
        ledger.roll_up()
        for by in (("model",), ("model", "tag:team")):
            (row,) = spend(connection, SpendQuery(by=by)).rows
            assert (row.costs.list_cost, row.partly_unknown) == (Decimal(2), ("list_cost",))


def test_the_star_is_explained_below_the_numbers(database: Store) -> None:
    with database.engine.begin() as connection:
        insert_gaps(Ledger(connection))
        listed = spend(connection, SpendQuery(by=("provider",), cost="list_cost")).basis
        billed = spend(connection, SpendQuery(by=("provider",), cost="billed_cost")).basis

    sentence = "* does not cover charges whose list cost the bill leaves out: unknown, not zero."
    assert sentence in basis_lines(listed)
    assert not [line for line in basis_lines(billed) if "*" in line]


def test_final_share_weighs_months_by_their_cost(company: Connection) -> None:
    """October (10 USD) is final; November's bill is 116.60 net of the credit: 10 / 126.60, whatever the cut."""
    found = spend(company, SpendQuery(by=("month",), window=BOTH_MONTHS))

    assert {(row.cut[0], row.currency): row.final_share for row in found.rows} == {
        (OCTOBER, "USD"): Decimal(1),
        (NOVEMBER, "USD"): Decimal(0),
        (NOVEMBER, "EUR"): Decimal(0),
    }
    for by in (("month",), ("model", "reason"), ("resource",)):
        share = spend(company, SpendQuery(by=by, window=BOTH_MONTHS)).basis.final_share
        assert share == {"EUR": Decimal(0), "USD": Decimal("0.078988941548")}


def test_loaded_but_not_analyzed_is_counted(company: Connection) -> None:
    """A month that was restated after its analysis, and none analyzed at all."""
    company.execute(update(slice_).where(slice_.c.slice_id == 1).values(loaded_at=datetime(2027, 1, 1, tzinfo=UTC)))
    assert spend(company, SpendQuery()).basis.pending == 1

    company.execute(delete(analysis_state))
    assert spend(company, SpendQuery()).basis.pending == 3


def test_largest_first_and_dates_in_order(company: Connection) -> None:
    by_model = spend(company, SpendQuery(by=("model",), window=BOTH_MONTHS)).rows
    by_day = spend(company, SpendQuery(by=("day", "model"), window=BOTH_MONTHS)).rows

    assert [row.cut[0] for row in by_model] == ["gemma", None, "llama-3-70b", "claude"]
    assert [row.cut[0] for row in by_day] == sorted(row.cut[0] for row in by_day)  # type: ignore[type-var]


def test_nothing_loaded(database: Store) -> None:
    with database.engine.connect() as connection:
        found = spend(connection, SpendQuery())

    assert found.rows == ()
    assert found.basis.window is None


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="no cut by 'colour'"):
        SpendQuery(by=("colour",))
    with pytest.raises(UsageError, match="no cut by 'tag:'"):
        SpendQuery(by=("tag:",))
    with pytest.raises(UsageError, match="named twice"):
        SpendQuery(by=("model", "model"))
    with pytest.raises(UsageError, match="no charge category 'vat'"):
        SpendQuery(without=("vat",))
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(date(2026, 1, 2), date(2026, 1, 2))
