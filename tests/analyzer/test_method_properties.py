"""What must hold for any node, any workloads and any tokens (I1 to I5)."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aispend.money import COST_QUANTUM
from analyzer.node import CPU, GPU, MEMORY, IdleMode, NodeShare, Workload, node_allocate, preset_parts
from analyzer.tokens import TOKEN_CLASSES, Timings, token_split

COSTS = st.integers(-(10**18), 10**18).map(lambda units: units * COST_QUANTUM)
AMOUNTS = st.decimals(0, 64, places=3)
IDLE: st.SearchStrategy[IdleMode] = st.sampled_from(["separate", "weighted", "even", "owner"])


@st.composite
def nodes(draw: st.DrawFn) -> tuple[dict[str, Decimal], list[Workload]]:
    capacity = {GPU: draw(st.integers(1, 16)), CPU: draw(st.integers(1, 192)), MEMORY: draw(st.integers(1, 2048))}
    names = draw(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=6))
    workloads = [
        Workload(
            name,
            {resource: draw(AMOUNTS) for resource in capacity},
            {resource: draw(AMOUNTS) for resource in capacity},
        )
        for name in names
    ]
    return {resource: Decimal(amount) for resource, amount in capacity.items()}, workloads


def allocate(
    cost: Decimal,
    node: tuple[dict[str, Decimal], list[Workload]],
    idle: IdleMode,
    workloads: list[Workload] | None = None,
) -> list[NodeShare]:
    capacity, own = node
    return node_allocate(
        cost,
        capacity,
        own if workloads is None else workloads,
        parts=preset_parts("aws_accelerated", capacity),
        idle=idle,
        owner="owner",
    )


@given(COSTS, nodes(), IDLE)
def test_i1_and_i2_shares_add_up_and_keep_the_sign(
    cost: Decimal, node: tuple[dict[str, Decimal], list[Workload]], idle: IdleMode
) -> None:
    shares = allocate(cost, node, idle)
    assert sum((share.cost for share in shares), Decimal(0)) == cost
    assert all(share.active * cost >= 0 and share.idle * cost >= 0 for share in shares)


@given(COSTS, nodes(), IDLE, st.randoms(use_true_random=False))
def test_i3_order_does_not_matter(
    cost: Decimal, node: tuple[dict[str, Decimal], list[Workload]], idle: IdleMode, random: Random
) -> None:
    shuffled = list(node[1])
    random.shuffle(shuffled)
    assert allocate(cost, node, idle, shuffled) == allocate(cost, node, idle)


@given(COSTS, nodes(), IDLE, st.integers(2, 50))
def test_i4_scaling_the_cost_scales_every_share(
    cost: Decimal, node: tuple[dict[str, Decimal], list[Workload]], idle: IdleMode, factor: int
) -> None:
    once = {(share.workload, share.resource): share.cost for share in allocate(cost, node, idle)}
    scaled = {(share.workload, share.resource): share.cost for share in allocate(cost * factor, node, idle)}
    for place in once.keys() | scaled.keys():
        difference = scaled.get(place, Decimal(0)) - factor * once.get(place, Decimal(0))
        assert abs(difference) <= 3 * (factor + 1) * COST_QUANTUM


@given(COSTS, nodes())
def test_i5_who_holds_nothing_pays_nothing_under_weighted_idle(
    cost: Decimal, node: tuple[dict[str, Decimal], list[Workload]]
) -> None:
    capacity, workloads = node
    with_guest = [*workloads, Workload("guest")]
    shares = allocate(cost, node, "weighted", with_guest)
    assert all(share.workload != "guest" for share in shares)
    assert shares == node_allocate(
        cost, capacity, workloads, parts=preset_parts("aws_accelerated", capacity), idle="weighted"
    )


@given(
    COSTS,
    st.fixed_dictionaries({name: st.integers(0, 10**12) for name in TOKEN_CLASSES}),
    st.none() | st.builds(Timings, prefill=st.decimals(0, 10**6, places=3), decode=st.decimals(0, 10**6, places=3)),
)
def test_token_classes_and_what_is_unallocated_add_up(
    cost: Decimal, tokens: dict[str, int], timings: Timings | None
) -> None:
    split = token_split(cost, tokens, timings=timings)  # type: ignore[arg-type]
    assert sum(split.by_class.values(), split.unallocated) == cost
    assert all(tokens[name] or not amount for name, amount in split.by_class.items())
