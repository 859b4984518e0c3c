"""Cost beside volume, by hand: tokens, classes, hours paid and used, and what met nothing."""

from __future__ import annotations

from decimal import Decimal

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NODE = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), "quantity": "24", **GPU_HOUR}
SUMS = """SELECT model, basis, effective_cost, input_cost, cached_input_cost, cache_write_cost, output_cost
    FROM unit_cost ORDER BY model, basis, effective_cost"""
HOURS = """SELECT model, basis, effective_cost, accelerator_hours_paid, accelerator_hours_used
    FROM unit_cost ORDER BY model, basis"""


def test_a_served_model_divides_its_cost_over_its_tokens(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "42.50", resource_id="ep")
    ledger.usage({"requests": 1000, "input": 12_000_000, "output": 3_000_000}, alias="ep", model="llama")
    ledger.attribute()
    rows = ledger.rows(
        "SELECT requests, input_tokens, output_tokens, input_cost, output_cost, effective_cost, unpriced_requests"
        " FROM unit_cost WHERE basis = 'allocation'"
    )
    ((requests, inputs, outputs, input_cost, output_cost, cost, unpriced),) = rows
    assert (requests, inputs, outputs, unpriced) == (D(1000), D(12_000_000), D(3_000_000), None)
    assert round(input_cost, 4) == D("26.1538")  # T1.2
    assert round(output_cost, 4) == D("16.3462")
    assert input_cost + output_cost == cost == D("42.50")


def test_measured_engine_times_divide_the_cost_of_a_served_model(ledger: Ledger) -> None:
    """T1.3: 2,840 s of prefill and 1,410 s of decode; of the input 12 million at 1 and 20 million cached at 0.1."""
    ledger.charge("2026-10-05", "42.50", resource_id="ep")
    ledger.charge("2026-10-06", "42.50", resource_id="ep")
    times = {"prefill_us": 2_840_000_000, "decode_us": 1_410_000_000}
    ledger.usage({"input": 12_000_000, "output": 3_000_000, **times}, alias="ep", model="llama")
    more = {"input": 12_000_000, "cached_input": 20_000_000, "output": 3_000_000}
    ledger.usage({**more, **times}, alias="ep", model="llama", day="2026-10-06")
    ledger.attribute()
    found = ledger.rows(
        "SELECT input_cost, cached_input_cost, output_cost FROM unit_cost WHERE basis = 'allocation' ORDER BY day"
    )
    assert found[0] == (D("28.40"), None, D("14.10"))
    # 28.40 for 12 + 2 weighed millions
    assert (round(found[1][0], 6), round(found[1][1], 6), found[1][2]) == (D("24.342857"), D("4.057143"), D("14.10"))
    assert sum(found[1]) == D("42.50")


def test_times_of_one_side_alone_or_without_its_tokens_divide_nothing(ledger: Ledger) -> None:
    """Without decode times by the weights, T1.2; without output tokens all is input's."""
    ledger.charge("2026-10-05", "42.50", resource_id="ep")
    ledger.charge("2026-10-06", "10", resource_id="ep")
    ledger.usage({"input": 12_000_000, "output": 3_000_000, "prefill_us": 5}, alias="ep", model="llama")
    ledger.usage({"input": 5, "prefill_us": 1, "decode_us": 9}, alias="ep", model="llama", day="2026-10-06")
    ledger.attribute()
    found = ledger.rows("SELECT input_cost, output_cost FROM unit_cost WHERE basis = 'allocation' ORDER BY day")
    assert (round(found[0][0], 4), round(found[0][1], 4)) == (D("26.1538"), D("16.3462"))
    assert found[1] == (D(10), None)


def test_a_token_api_charges_each_class_its_own(ledger: Ledger) -> None:
    for unit_class, cost in (("input", "3"), ("cached_input", "0.5"), ("output", "15")):
        ledger.charge("2026-10-05", cost, sku_id=unit_class, model="claude", unit_class=unit_class)
    ledger.usage({"requests": 10, "input": 1_000_000, "cached_input": 2_000_000, "output": 500_000}, model="claude")
    ledger.attribute()
    assert ledger.rows(SUMS) == [
        ("claude", basis, D("18.5"), D(3), D("0.5"), None, D(15)) for basis in ("allocation", "usage")
    ]


def test_tokens_come_from_the_bill_where_no_usage_is_known(ledger: Ledger) -> None:
    priced = {"model": "claude", "unit_class": "output", "units_per_pricing_unit": 1000, "pricing_unit": "1K tokens"}
    ledger.charge("2026-10-05", "15", quantity="1000", **priced)
    ledger.attribute()
    assert ledger.rows("SELECT output_tokens, output_cost, input_tokens FROM unit_cost WHERE basis = 'usage'") == [
        (D(1_000_000), D(15), None)
    ]


def test_idle_is_put_upon_who_used_the_machine_and_reconciles_to_the_bill(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "768", **NODE)
    ledger.charge("2026-10-05", "100", tags={"team": "ads"})
    ledger.workload("all", "i-1", "a", requested=4, model="chat", stage="inference_online")
    ledger.workload("all", "i-1", "b", requested=2, model="rank", stage="inference_online")
    ledger.attribute()
    found = ledger.rows("SELECT model, effective_cost FROM unit_cost WHERE basis = 'allocation' ORDER BY model")
    assert found == [("chat", D(512)), ("rank", D(256)), (None, D(100))]


def test_hours_paid_and_used_and_the_cost_of_active_time(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "768", tags={"model": "chat"}, **NODE)
    ledger.activity(range(24), "i-1", 0.25, gpus=8)
    ledger.attribute()
    assert ledger.rows(HOURS) == [
        ("chat", "allocation", D(768), D(192), D(48)),
        ("chat", "usage", D(192), D(192), D(48)),
    ]


def test_use_that_is_not_measured_is_unknown(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "768", tags={"model": "chat"}, **NODE)
    ledger.activity(range(18), "i-1", 0.25, gpus=8)  # 75 % of the hours
    ledger.attribute()
    assert ledger.rows(HOURS) == [
        ("chat", "allocation", D(768), D(192), None),
        ("chat", "usage", None, D(192), None),
    ]


def test_a_machine_paid_for_in_two_lines_counts_its_hours_once_each(ledger: Ledger) -> None:
    half = NODE | {"hours": all_hours(*range(12)), "quantity": "12"}
    ledger.charge("2026-10-05", "10", tags={"model": "chat"}, **half)
    ledger.charge("2026-10-05", ("0", "6", "9", "9"), tags={"model": "chat"}, sku_id="sp", **half)
    ledger.charge("2026-10-05", "1", tags={"model": "chat"}, resource_id="i-1", consumed_unit="GB")
    ledger.attribute()
    paid = ledger.rows("SELECT effective_cost, accelerator_hours_paid FROM unit_cost WHERE basis = 'allocation'")
    assert paid == [(D(17), D(192))]


def test_usage_that_met_no_charge_stands_apart_and_dilutes_nothing(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", sku_id="in", model="claude", unit_class="input")
    ledger.usage({"requests": 7, "input": 70}, model="claude")
    ledger.usage({"requests": 3, "input": 30}, model="claude", account_id="elsewhere")
    ledger.usage({"requests": 5}, model="claude", day="2026-10-06")
    ledger.attribute()
    rows = ledger.rows(
        "SELECT day::text, effective_cost, requests, input_tokens, unpriced_requests FROM unit_cost"
        " WHERE basis = 'allocation' ORDER BY day, effective_cost"
    )
    assert rows == [
        ("2026-10-05", D(10), D(7), D(70), None),
        ("2026-10-05", None, D(3), D(30), D(3)),
        ("2026-10-06", None, D(5), None, D(5)),
    ]


def test_a_charge_of_a_month_counts_on_each_of_its_days(ledger: Ledger) -> None:
    ledger.charge("2026-10-01", "100", end="2026-10-04", resource_id="ptu", platform="provisioned_throughput")
    ledger.usage({"requests": 2}, alias="ptu", model="chat", day="2026-10-02")
    ledger.attribute()
    rows = ledger.rows(
        "SELECT day::text, effective_cost, requests FROM unit_cost WHERE basis = 'allocation' ORDER BY day"
    )
    assert rows == [
        ("2026-10-01", D("33.333333333334"), None),
        ("2026-10-02", D("33.333333333333"), D(2)),
        ("2026-10-03", D("33.333333333333"), None),
    ]


def test_an_azure_pair_counts_its_cost_and_tokens_once(ledger: Ledger) -> None:
    api = {"model": "gpt", "unit_class": "output", "units_per_pricing_unit": 1000, "quantity": "2"}
    ledger.charge("2026-10-05", ("9", None, None, None), half=1, **api)
    ledger.charge("2026-10-05", (None, "8", None, None), half=2, **api)
    ledger.attribute()
    rows = ledger.rows("SELECT effective_cost, output_tokens, output_cost FROM unit_cost WHERE basis = 'allocation'")
    assert rows == [(D(8), D(2000), D(8))]


def test_currencies_stay_apart(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", tags={"model": "chat"})
    ledger.charge("2026-10-05", "7", tags={"model": "chat"}, currency="EUR")
    ledger.attribute()
    rows = ledger.rows("SELECT currency, effective_cost FROM unit_cost WHERE basis = 'usage' ORDER BY currency")
    assert rows == [("EUR", D(7)), ("USD", D(10))]


def test_a_charge_without_effective_cost_makes_its_day_partly_unknown(ledger: Ledger) -> None:
    """3 are known on the 5th, beside a charge that has only a list price; nothing is missing on the 6th."""
    for day, cost in (("2026-10-05", "3"), ("2026-10-05", (None, None, "7", None)), ("2026-10-06", "4")):
        ledger.charge(day, cost, sku_id=str(cost), model="claude", unit_class="output")
    ledger.usage({"requests": 10, "output": 1_000_000}, model="claude")
    ledger.usage({"requests": 5, "output": 1_000_000}, model="unbilled")
    ledger.attribute()
    found = ledger.rows(
        "SELECT model, extract(day FROM day), effective_cost, partly_unknown FROM unit_cost"
        " WHERE basis = 'allocation' ORDER BY 1, 2"
    )
    assert found == [
        ("claude", D(5), D(3), True),
        ("claude", D(6), D(4), False),
        ("unbilled", D(5), None, False),
    ]
