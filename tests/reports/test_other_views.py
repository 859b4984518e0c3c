"""Unit costs, idle, recommendations, overview, freshness: against values worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert

from aispend.schema import recommendation, recommendation_event, rejected_row, resource, why_not
from aispend.store import Store
from reports import views
from reports.advice_records import recommendation_records
from reports.views import AdviceFilter, Window
from tests.reports.company import NOVEMBER
from tests.reports.ledger import Ledger, Share
from tests.reports.samples import NOW, add_load, add_unit_cost, advice


def test_a_unit_cost_that_leaves_charges_out_says_so(database: Store) -> None:
    """One of two days is partly unknown: so is the sum, and that day is in no rate. What is unknown altogether is no
    part of anything."""
    with database.engine.begin() as connection:
        add_unit_cost(connection, 1, effective_cost="2", requests="1000", partly_unknown=True)
        add_unit_cost(connection, 2, effective_cost="4", requests="1000")
        add_unit_cost(connection, 2, model="whole", effective_cost="1", requests="1000")
        add_unit_cost(connection, 2, model="none", requests="1000", partly_unknown=True)
        rows = views.unit_costs(connection).rows

    assert {row.model: (row.cost_per_1k_requests, row.partly_unknown) for row in rows} == {
        "llama": (Decimal(4), True),
        "whole": (Decimal(1), False),
        "none": (None, False),
    }


def test_unit_cost_rates_are_ratios_of_sums(database: Store) -> None:
    """Facts' T1.2 split over two days: 42.50 for 12 M input and 3 M output tokens, 26.1538 and 16.3462 of it."""
    with database.engine.begin() as connection:
        add_unit_cost(
            connection,
            1,
            effective_cost="30",
            requests="1000",
            input_tokens="8000000",
            output_tokens="2000000",
            input_cost="18.461538461539",
            output_cost="11.538461538461",
            accelerator_hours_paid="8",
            accelerator_hours_used="2",
        )
        add_unit_cost(
            connection,
            2,
            effective_cost="12.5",
            requests="1500",
            input_tokens="4000000",
            output_tokens="1000000",
            input_cost="7.692307692307",
            output_cost="4.807692307693",
            accelerator_hours_paid="8",
            accelerator_hours_used="6",
        )
        found = views.unit_costs(connection)
        (row,) = found.rows

    assert found.window == Window(date(2026, 10, 4), date(2026, 11, 3))
    assert row.effective_cost == Decimal("42.5")
    assert row.requests == 2500
    assert row.cost_per_1k_requests == Decimal(17)
    assert row.cost_per_1m_input_tokens == Decimal("2.179487179487")
    assert row.cost_per_1m_output_tokens == Decimal("5.448717948718")
    assert row.cost_per_1m_tokens == Decimal("2.833333333333")
    assert row.cost_per_1m_cached_input_tokens is None
    assert row.load == Decimal("0.5")
    assert row.cost_per_accelerator_hour_paid == Decimal("2.65625")
    assert row.cost_per_accelerator_hour_used == Decimal("5.3125")


def test_usage_without_a_price_dilutes_no_rate(database: Store) -> None:
    """1,000 requests cost 2; 500 more met no charge: 2 per 1,000, and the 500 are named."""
    with database.engine.begin() as connection:
        add_unit_cost(connection, 1, effective_cost="2", requests="1000", output_tokens="10", output_cost="2")
        add_unit_cost(connection, 1, effective_cost=None, requests="500", output_tokens="5", unpriced_requests="500")
        (row,) = views.unit_costs(connection).rows

    assert row.requests == 1500
    assert row.cost_per_1k_requests == Decimal(2)
    assert row.cost_per_1m_output_tokens == Decimal(200_000)
    assert row.unpriced_requests == 500
    assert row.load == "api"


def test_load_is_unknown_where_use_was_not_measured(database: Store) -> None:
    """A day without measurement is in neither side of the load; with none at all there is no load."""
    with database.engine.begin() as connection:
        add_unit_cost(connection, 1, effective_cost="8", accelerator_hours_paid="8", accelerator_hours_used="4")
        add_unit_cost(connection, 2, effective_cost="8", accelerator_hours_paid="8")
        add_unit_cost(connection, 1, model="other", effective_cost="1", accelerator_hours_paid="1", requests="1")
        measured, unmeasured = views.unit_costs(connection).rows

    assert measured.load == Decimal("0.5")
    assert measured.cost_per_accelerator_hour_used == Decimal(2)
    assert unmeasured.load is None
    assert unmeasured.cost_per_1k_requests == Decimal(1000)


def test_unit_costs_of_one_model_and_basis(database: Store) -> None:
    with database.engine.begin() as connection:
        for model in ("llama", "gemma"):
            for basis in ("allocation", "usage"):
                add_unit_cost(connection, 1, model=model, basis=basis, effective_cost="1")
        found = views.unit_costs(connection, model="gemma", basis="usage").rows

    assert [(row.model, row.basis) for row in found] == [("gemma", "usage")]


def test_idle_is_the_advice_to_switch_off_that_still_stands(database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            insert(resource).values(
                resource_key=1, provider="aws", resource_id="i-1", instance_type="p5.48xlarge", accelerators=8
            )
        )
        connection.execute(
            insert(recommendation),
            [advice(1), advice(2), advice(3, state="gone"), advice(4, state="done"), advice(5, kind="rightsize")],
        )
        found = views.idle(connection)
        before = views.idle(connection, Window(date(2026, 10, 1), date(2026, 11, 1)))

    assert [row.resource_id for row in found] == ["i-2", "i-1"]
    assert before == ()
    first = found[1]
    assert (first.type, first.accelerators, first.state) == ("p5.48xlarge", 8, "resident-idle")
    assert first.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert first.coverage == Decimal("0.98")
    assert first.evidence == ("sm_active at most 0.4 %, over 336 h, 0 requests, 40.0 GiB held, power at its idle floor")


def test_recommendations_and_what_they_add_up_to(database: Store) -> None:
    """Overlapping, dismissed and gone advice is listed as asked, and never added."""
    with database.engine.begin() as connection:
        connection.execute(
            insert(recommendation),
            [
                advice(1),
                advice(2, state="accepted"),
                advice(3),
                advice(4, counted=False, counted_net=Decimal(0)),
                advice(5, state="dismissed"),
                advice(6, state="gone"),
                advice(7, currency="EUR"),
            ],
        )
        found = views.recommendations(connection)
        counted = views.recommendations(connection, AdviceFilter(counted_only=True))
        gone = views.recommendations(connection, AdviceFilter(states=("gone",)))
        earlier = views.recommendations(connection, AdviceFilter(window=Window(date(2026, 11, 1), date(2026, 11, 21))))

    assert [row.resource_id for row in found.rows] == ["i-7", "i-3", "i-1", "i-4", "i-2", "i-5"]
    assert [(total.currency, total.recommendations, total.monthly_saving_net) for total in found.totals] == [
        ("EUR", 1, Decimal(630)),
        ("USD", 3, Decimal(90 + 180 + 270)),
    ]
    assert [row.resource_id for row in counted.rows] == ["i-7", "i-3", "i-1", "i-2"]
    assert [row.id for row in gone.rows] == ["00000006aaaa"]
    assert earlier.rows == ()


def test_what_is_no_part_of_the_best_combination_is_listed_and_not_counted(database: Store) -> None:
    """Of 90, 180 and 270 net the second saves nothing beside the others, and the third 100 less than alone."""
    with database.engine.begin() as connection:
        connection.execute(
            insert(recommendation),
            [advice(1), advice(2, counted=False, counted_net=Decimal(0)), advice(3, counted_net=Decimal(170))],
        )
        found = views.recommendations(connection)

    assert [row.resource_id for row in found.rows] == ["i-3", "i-1", "i-2"]
    assert [row["counted"] for row in recommendation_records(found.rows)] == [True, True, False]
    assert found.totals == (views.SavingsTotal("USD", 2, Decimal(480), Decimal(400), Decimal(260)),)


def test_a_resource_is_called_by_its_name_or_else_its_fleet(database: Store) -> None:
    known = [
        {"resource_key": 1, "resource_name": "pricing-lab", "fleet": "labs"},
        {"resource_key": 2, "resource_name": None, "fleet": "moe-scratch"},
        {"resource_key": 3, "resource_name": "", "fleet": ""},
    ]
    with database.engine.begin() as connection:
        for row in known:
            connection.execute(insert(resource).values(provider="aws", resource_id=f"i-{row['resource_key']}", **row))
        connection.execute(insert(recommendation), [advice(number) for number in (1, 2, 3, 4)])
        found = views.recommendations(connection)

    assert {row.resource_id: row.name for row in found.rows} == {
        "i-1": "pricing-lab",
        "i-2": "moe-scratch",
        "i-3": None,
        "i-4": None,
    }


def test_events_and_reasons_for_none(database: Store) -> None:
    with database.engine.begin() as connection:
        for event in ("proposed", "accepted"):
            connection.execute(
                insert(recommendation_event).values(recommendation_id="x", at=NOW, event=event, who="ann", reason=None)
            )
        for key, amount in ((1, "10"), (2, "20"), (3, None)):
            connection.execute(
                insert(why_not).values(
                    resource_key=key,
                    provider="aws",
                    resource_id=f"i-{key}",
                    kind="stop_idle",
                    reason="busy",
                    explanation="It was active.",
                    monthly_cost=amount,
                    currency="USD",
                    at=NOW,
                )
            )
        events = views.recommendation_events(connection, "x")
        reasons = views.why_not(connection)
        below = views.why_not_below(connection)
        all_of_them = views.why_not(connection, Decimal(0))

    assert [event.event for event in events] == ["proposed", "accepted"]
    assert [row.resource_id for row in reasons] == ["i-2", "i-3"], "the unknown one stays, 10 is below the floor of 20"
    assert below == (views.Below("USD", 1, Decimal(10)),)
    assert [row.resource_id for row in all_of_them] == ["i-2", "i-1", "i-3"]


def test_overview_of_the_month_of_the_newest_day(company: Connection) -> None:
    """November to the 2nd, AI only: 12.5 + 0.1 - 5 = 7.60 USD.

    Run rate over seven days (27 Oct to 2 Nov, days with data: 10, 12.5, -4.9): 17.6 / 3; forecast 7.6 + 28 × that.
    The 1st and 2nd of October have no cost, so there is no change to speak of.
    """
    found = views.overview(company)

    assert found is not None
    assert (found.month, found.as_of, found.days_elapsed, found.days_in_month) == (NOVEMBER, date(2026, 11, 2), 2, 30)
    euros, dollars = found.figures
    assert (dollars.currency, dollars.month_to_date) == ("USD", Decimal("7.6"))
    assert dollars.run_rate_per_day == Decimal("5.866666666667")
    assert dollars.forecast == Decimal("171.866666666676")
    assert dollars.previous_same_days is None
    assert dollars.change is None
    assert euros.month_to_date == Decimal("40.000000000001")
    assert [row.cut[0] for row in found.by_model.rows] == ["gemma", "llama-3-70b", "claude"]
    assert len(found.trend.rows) == 3


def test_overview_compares_the_same_days_of_the_month_before(database: Store) -> None:
    """To 31 March: February has only 28 days to compare with."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        february = ledger.bill("aws", "1", date(2026, 2, 1))
        march = ledger.bill("aws", "1", date(2026, 3, 1))
        for day in range(1, 29):
            ledger.charge(february, date(2026, 2, day), [Share(("1", "1", "1", "1"))], provider="aws")
        for day in range(1, 32):
            ledger.charge(march, date(2026, 3, day), [Share(("2", "2", "2", "2"))], provider="aws")
        ledger.roll_up()
        found = views.overview(connection)

    assert found is not None
    (figures,) = found.figures
    assert figures.month_to_date == Decimal(62)
    assert figures.previous_same_days == Decimal(28)
    assert figures.forecast == Decimal(62)
    assert figures.change == Decimal("1.214285714286")


def test_overview_of_nothing(database: Store) -> None:
    with database.engine.connect() as connection:
        assert views.overview(connection) is None


def test_freshness_counts_present_content_and_failures(company: Connection) -> None:
    for slice_id, outcome, rows in ((1, "loaded", 10), (1, "failed", 99), (2, "loaded", 5), (2, "unchanged", 0)):
        add_load(company, slice_id, outcome, rows)
    aws, google = views.freshness(company)

    assert (aws.provider, aws.scope, aws.slices) == ("aws", "111", 2)
    assert aws.newest_day == date(2026, 11, 2)
    assert (aws.rows_in, aws.rows_rejected, aws.failed_loads) == (15, 2, 1)
    assert (google.provider, google.rows_in) == ("gcp", 0)


def test_rejected_rows_name_their_place(company: Connection) -> None:
    add_load(company, None, "failed", 1, load_id=7)
    company.execute(
        insert(rejected_row).values(
            load_id=7, ordinal=1, file="a.csv", line=3, column_name="BilledCost", value="x", reason="is no number"
        )
    )

    assert views.rejected_rows(company) == (views.Rejected("a.csv", 3, "BilledCost", "x", "is no number"),)


def test_reconcile_holds_on_the_company_and_not_when_a_share_is_lost(company: Connection) -> None:
    from sqlalchemy import text

    assert views.reconcile(company).rows
    company.execute(text("DELETE FROM cost_share WHERE ordinal = 1 AND slice_id = 1"))
    broken = views.reconcile(company)

    assert not broken.holds
    assert not broken.rows[0].holds
