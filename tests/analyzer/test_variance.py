"""Why cost changed, by hand: each effect alone, the published split, and that they always add up."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aispend.money import exact_sum
from analyzer.variance import NOTHING, Amount, Cell, Pool, Rates, explain, mix_against_mean

D = Decimal


def amount(quantity: str, price: str, effective_part: str = "1") -> Amount:
    """``quantity`` units at a contracted ``price``, of which ``effective_part`` is paid."""
    contracted = D(quantity) * D(price)
    return Amount(D(quantity), contracted, contracted * D(effective_part))


def effects(*cells: Cell, demand: tuple[str, str] | None = None, rates: Rates | None = None) -> dict[str, Decimal]:
    """All cells of one pool together."""
    pool = Pool(cells, None if demand is None else (D(demand[0]), D(demand[1])))
    total: dict[str, Decimal] = {}
    for parts in explain(pool, rates).values():
        for name, part in parts.items():
            total[name] = total.get(name, D(0)) + part
    return {name: part for name, part in total.items() if part}


def use(key: str, before: Amount, after: Amount) -> Cell:
    return Cell(key, "use", before, after)


def test_price_and_volume_as_published() -> None:
    """T7.5: price 2 to 3, quantity 10 to 8: volume at the old price −4, price at the new quantity +8."""
    assert effects(use("a", amount("10", "2"), amount("8", "3"))) == {"volume": D(-4), "price": D(8)}


def test_requests_tell_volume_from_efficiency() -> None:
    """100 to 150 requests on 100 to 120 hours at 4: +50 % volume is +200, 0.2 hours less a request −120."""
    found = effects(use("a", amount("100", "4"), amount("120", "4")), demand=("100", "150"))
    assert found == {"volume": D(200), "efficiency": D(-120)}


def test_a_falling_spot_share_is_mix() -> None:
    """100 hours each month; spot at 1, on demand at 4. Spot 60 to 20 hours: 220 to 340, all of it mix."""
    spot = use("spot", amount("60", "1"), amount("20", "1"))
    on_demand = use("on demand", amount("40", "4"), amount("80", "4"))
    assert effects(spot, on_demand) == {"mix": D(120)}


def test_a_cell_that_is_new_in_its_pool_is_mix_at_its_own_price() -> None:
    """10 hours at 2, then 5 at 2 and 5 at 6: half moved to what costs 4 more each."""
    assert effects(use("old", amount("10", "2"), amount("5", "2")), use("new", NOTHING, amount("5", "6"))) == {
        "mix": D(20)
    }


def test_the_mix_is_the_doing_of_what_moved() -> None:
    """80 hours at 5 stay and 40 at 1 come beside them: the mean is 5, and 40 hours cost 4 less than it. Of 50 hours at
    1 and 50 at 3 ten move to the dearer: the mean is 2, so that each half of it is +10."""
    stays, comes = use("stays", amount("80", "5"), amount("80", "5")), use("comes", NOTHING, amount("40", "1"))
    assert mix_against_mean(Pool([stays, comes])) == {"stays": D(0), "comes": D(-160)}
    cheap, dear = use("cheap", amount("50", "1"), amount("40", "1")), use("dear", amount("50", "3"), amount("60", "3"))
    assert mix_against_mean(Pool([cheap, dear])) == {"cheap": D(10), "dear": D(10)}


def test_what_holds_nothing_in_either_period_has_no_effect() -> None:
    """A charge of no quantity and no cost, beside 10 hours that become 15."""
    nothing = use("nothing", NOTHING, Amount(D(0), D(0), D(0)))
    assert effects(nothing, use("a", amount("10", "2"), amount("15", "2"))) == {"volume": D(10)}


def test_covered_usage_that_loses_its_commitment_is_commitment_drift() -> None:
    """10 hours at 4 contracted, 60 % of it paid, then all: 24 to 40."""
    assert effects(use("a", amount("10", "4", "0.6"), amount("10", "4"))) == {"commitment": D(16)}
    unused = Cell("sp", "commitment", Amount(effective=D(3)), Amount(effective=D(10)))
    assert effects(unused) == {"commitment": D(7)}


def test_a_new_and_a_stopped_pool_are_volume() -> None:
    assert effects(use("a", NOTHING, amount("3", "2"))) == {"volume": D(6)}
    assert effects(use("a", amount("3", "2"), NOTHING), demand=("9", "0")) == {"volume": D(-6)}


def test_idle_hours_are_an_effect_of_their_own_and_their_price_is_price() -> None:
    """10 idle hours at 4 become 15 at 5: 5 more at 4, and 15 at 1 more."""
    assert effects(Cell("a", "idle", amount("10", "4"), amount("15", "5"))) == {"idle": D(20), "price": D(15)}


def test_credits_tax_and_what_is_not_counted_stand_alone() -> None:
    cells = [
        Cell("c", "credits", Amount(effective=D(-10)), Amount(effective=D(-4))),
        Cell("t", "tax", Amount(effective=D(1)), Amount(effective=D(3))),
        use("fee", Amount(effective=D(5)), Amount(effective=D(9))),
        use("correction", amount("10", "2"), Amount(D(-1), D(-2), D(-2))),
    ]
    assert effects(*cells) == {"credits": D(6), "tax": D(2), "other": D(4) - D(22)}


def test_the_exchange_rate_is_counted_last_on_what_is_spent_now() -> None:
    """100 EUR at 1.10, then 120 EUR at 1.20: 20 EUR more at 1.10 is 22, and 120 at 0.10 more is 12."""
    found = effects(use("a", amount("10", "10"), amount("12", "10")), rates=Rates(D("1.10"), D("1.20")))
    assert found == {"volume": D(22), "currency": D(12)}


def test_without_contracted_cost_the_effective_price_is_the_price() -> None:
    before, after = Amount(D(10), None, D(20)), Amount(D(10), None, D(30))
    assert effects(use("a", before, after)) == {"price": D(10)}


cost = st.decimals(min_value=0, max_value=10**6, places=6)
amounts = st.builds(
    Amount,
    st.one_of(st.none(), cost),
    st.one_of(st.none(), cost),
    st.decimals(min_value=-(10**6), max_value=10**6, places=12),
)
cells = st.tuples(st.sampled_from(("use", "idle", "commitment", "credits", "tax")), amounts, amounts)


@given(
    st.lists(cells, min_size=1, max_size=6),
    st.one_of(st.none(), st.tuples(cost, cost)),
    st.builds(Rates, st.decimals("0.01", 100, places=6), st.decimals("0.01", 100, places=6)),
)
def test_the_effects_of_every_cell_add_up_to_its_change(drawn, demand, rates) -> None:  # type: ignore[no-untyped-def]
    pool = Pool([Cell(number, *parts) for number, parts in enumerate(drawn)], demand)
    found = explain(pool, rates)
    for number, (_, before, after) in enumerate(drawn):
        change = [
            (amount.effective * rate).quantize(D("1e-12"))
            for amount, rate in ((before, rates.before), (after, rates.after))
        ]
        assert exact_sum(found[number].values()) == change[1] - change[0]


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6))
def test_the_mix_by_whose_doing_it_is_is_the_same_in_all(drawn) -> None:  # type: ignore[no-untyped-def]
    pool = Pool([Cell(number, "use", *sides) for number, sides in enumerate(drawn)])
    told = exact_sum(parts.get("mix", D(0)) for parts in explain(pool).values())
    assert abs(told - exact_sum(mix_against_mean(pool).values())) <= 20 * D("1e-12")


@given(st.lists(cells, min_size=1, max_size=4), st.one_of(st.none(), st.tuples(cost, cost)))
def test_no_change_has_no_effect(drawn, demand) -> None:  # type: ignore[no-untyped-def]
    pool = Pool(
        [Cell(number, kind, before, before) for number, (kind, before, _) in enumerate(drawn)],
        demand and (demand[0],) * 2,
    )
    assert not any(explain(pool).values())
