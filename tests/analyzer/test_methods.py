"""Shared nodes, partitions and tokens: the published vectors T1.1 to T1.9."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from aispend.money import split_exact
from analyzer.mig import mig_share, mig_split, part_named
from analyzer.node import (
    CPU,
    GPU,
    MEMORY,
    IdleMode,
    NodeShare,
    Workload,
    node_allocate,
    preset_parts,
    residual_parts,
)
from analyzer.tokens import Timings, per_million, token_split

MILLION = 1_000_000
P3_16XLARGE = {GPU: Decimal(8), CPU: Decimal(64), MEMORY: Decimal(488)}
PODS = {
    "p1": ((1, 16, 100), (1, 4, 60)),
    "p2": ((2, 16, 100), (3, 18, 140)),
    "p3": ((2, 16, 100), (1, 4, 60)),
    "p4": ((2, 16, 100), (2, 4, 40)),
}


def by_workload(shares: list[NodeShare]) -> dict[str | None, Decimal]:
    totals: dict[str | None, Decimal] = {}
    for share in shares:
        totals[share.workload] = totals.get(share.workload, Decimal(0)) + share.cost
    return totals


def pod(name: str, requested: tuple[int, int, int], used: tuple[int, int, int]) -> Workload:
    names = (GPU, CPU, MEMORY)
    return Workload(
        name,
        dict(zip(names, map(Decimal, requested), strict=True)),
        dict(zip(names, map(Decimal, used), strict=True)),
    )


def test_t1_1_a_node_price_keeps_the_ratio_of_reference_prices() -> None:
    assert split_exact(Decimal(35), [30, 30, 10]) == [Decimal(15), Decimal(15), Decimal(5)]


def test_t1_2_and_t1_3_input_and_output_of_a_served_model() -> None:
    tokens = {"input": 12 * MILLION, "output": 3 * MILLION}
    weighed = token_split(Decimal("42.50"), tokens).by_class
    assert round(weighed["input"], 4) == Decimal("26.1538")
    assert round(weighed["output"], 4) == Decimal("16.3462")
    assert sum(weighed.values()) == Decimal("42.50")
    assert round(per_million(weighed["input"], 12 * MILLION) or 0, 5) == Decimal("2.17949")
    assert round(per_million(weighed["output"], 3 * MILLION) or 0, 5) == Decimal("5.44872")

    timed = token_split(Decimal("42.50"), tokens, timings=Timings(prefill=Decimal(2840), decode=Decimal(1410))).by_class
    assert timed["input"] == Decimal("28.40")
    assert timed["output"] == Decimal("14.10")
    assert round(per_million(timed["input"], 12 * MILLION) or 0, 4) == Decimal("2.3667")
    assert per_million(timed["output"], 3 * MILLION) == Decimal("4.7")
    assert round(per_million(Decimal("42.50"), 15 * MILLION) or 0, 4) == Decimal("2.8333")


def test_cached_input_costs_a_tenth_and_a_cache_write_a_quarter_more() -> None:
    parts = token_split(Decimal("4.85"), {"input": 1, "cached_input": 1, "cache_write": 1, "output": 1}).by_class
    assert parts == {
        "input": Decimal(1),
        "cached_input": Decimal("0.1"),
        "cache_write": Decimal("1.25"),
        "output": Decimal("2.5"),
    }


def test_cost_without_tokens_stays_unallocated_and_has_no_rate() -> None:
    split = token_split(Decimal(7), {})
    assert split.unallocated == Decimal(7)
    assert not any(split.by_class.values())
    assert per_million(Decimal(7), 0) is None


def test_time_of_a_side_without_tokens_goes_to_the_other() -> None:
    split = token_split(Decimal(10), {"input": 5}, timings=Timings(prefill=Decimal(1), decode=Decimal(9)))
    assert split.by_class["input"] == Decimal(10)


def test_t1_4_split_cost_allocation_of_an_accelerated_node() -> None:
    shares = node_allocate(
        Decimal(10),
        P3_16XLARGE,
        [pod(name, *amounts) for name, amounts in PODS.items()],
        parts=preset_parts("aws_accelerated", P3_16XLARGE),
        idle="weighted",
    )
    totals = by_workload(shares)
    assert {name: round(total, 6) for name, total in totals.items()} == {
        "p1": Decimal("1.908887"),
        "p2": Decimal("3.264370"),
        "p3": Decimal("2.413371"),
        "p4": Decimal("2.413371"),
    }
    assert sum(totals.values()) == Decimal(10)


def test_t1_5_split_cost_allocation_of_a_plain_node() -> None:
    capacity = {CPU: Decimal(4), MEMORY: Decimal(16)}
    held = {"p1": ("1", "4"), "p2": ("1.9", "6"), "p3": ("1", "2"), "p4": ("1", "2")}
    shares = node_allocate(
        Decimal(1),
        capacity,
        [Workload(name, {CPU: Decimal(cpu), MEMORY: Decimal(gb)}) for name, (cpu, gb) in held.items()],
        parts=preset_parts("aws_plain", capacity),
        idle="weighted",
    )
    totals = by_workload(shares)
    assert [round(totals[name], 6) for name in held] == [
        Decimal("0.229199"),
        Decimal("0.400314"),
        Decimal("0.185243"),
        Decimal("0.185243"),
    ]
    cents = split_exact(Decimal(1), [totals[name] for name in held], Decimal("0.01"))
    assert cents == [Decimal("0.23"), Decimal("0.40"), Decimal("0.19"), Decimal("0.18")]


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        ("separate", {"A": "16", "B": "8", None: "8"}),
        ("weighted", {"A": "21.333333333333", "B": "10.666666666667"}),
        ("even", {"A": "20", "B": "12"}),
        ("owner", {"A": "16", "B": "8", "pool": "8"}),
    ],
)
def test_t1_7_idle_modes(idle: IdleMode, expected: dict[str | None, str]) -> None:
    workloads = [
        Workload("A", {GPU: Decimal(4)}, {GPU: Decimal(2)}),
        Workload("B", {GPU: Decimal(2)}),
    ]
    shares = node_allocate(Decimal(32), {GPU: Decimal(8)}, workloads, parts={GPU: Decimal(1)}, idle=idle, owner="pool")
    assert by_workload(shares) == {name: Decimal(amount) for name, amount in expected.items()}


@pytest.mark.parametrize("idle", ["separate", "weighted", "even"])
def test_idle_cost_of_a_resource_nobody_holds_is_kept(idle: IdleMode) -> None:
    shares = node_allocate(Decimal(32), {GPU: Decimal(8)}, [], parts={GPU: Decimal(1)}, idle=idle)
    assert shares == [NodeShare(None, GPU, Decimal(0), Decimal(32))]


def test_an_over_subscribed_node_is_divided_by_what_is_held() -> None:
    workloads = [Workload("A", {GPU: Decimal(6)}), Workload("B", {GPU: Decimal(6)})]
    shares = node_allocate(Decimal(10), {GPU: Decimal(8)}, workloads, parts={GPU: Decimal(1)})
    assert by_workload(shares) == {"A": Decimal(5), "B": Decimal(5)}


def test_residual_method_leaves_the_accelerators_what_cpu_and_memory_do_not_cost() -> None:
    capacity = {GPU: Decimal(8), CPU: Decimal(192), MEMORY: Decimal(2048)}
    parts = residual_parts(Decimal("98.32"), capacity)
    assert parts[CPU] == Decimal("6.069312")  # 192 × 0.031611
    assert parts[MEMORY] == Decimal("8.677376")  # 2048 × 0.004237
    assert parts[GPU] == Decimal("83.573312")  # 85 % of the node
    cheap = residual_parts(Decimal(1), capacity)
    assert cheap[GPU] == 0
    assert preset_parts("95_3_2", capacity) == {GPU: Decimal(95), CPU: Decimal(3), MEMORY: Decimal(2)}


def test_workloads_need_distinct_names_and_an_owner_where_one_is_asked_for() -> None:
    twice = [Workload("A", {GPU: Decimal(1)}), Workload("A", {GPU: Decimal(1)})]
    with pytest.raises(ValueError, match="unique"):
        node_allocate(Decimal(1), {GPU: Decimal(1)}, twice, parts={GPU: Decimal(1)})
    with pytest.raises(ValueError, match="owner"):
        node_allocate(Decimal(1), {GPU: Decimal(1)}, [], parts={GPU: Decimal(1)}, idle="owner")
    with pytest.raises(ValueError, match="negative"):
        Workload("A", {GPU: Decimal(-1)})


@pytest.mark.parametrize(
    ("profile", "card_gb", "expected"),
    [
        ("1g.10gb", 80, Fraction(1, 7)),
        ("1g.20gb", 80, Fraction(1, 4)),
        ("2g.20gb", 80, Fraction(2, 7)),
        ("3g.40gb", 80, Fraction(1, 2)),
        ("4g.40gb", 80, Fraction(4, 7)),
        ("7g.80gb", 80, Fraction(1)),
        ("mig-1g.5gb", 40, Fraction(1, 7)),
        ("1g.18gb", 141, Fraction(1, 7)),
        ("3g.71gb", 141, Fraction(1, 2)),
        ("1g.10gb+me", 80, Fraction(1, 7)),
    ],
)
def test_mig_profiles(profile: str, card_gb: int, expected: Fraction) -> None:
    assert mig_share(profile, card_gb) == expected


def test_t1_8_partitions_of_a_card() -> None:
    parts, idle = mig_split(Decimal(4), {"big": mig_share("3g.40gb", 80), "small": mig_share("2g.20gb", 80)})
    assert parts["big"] == Decimal(2)
    assert round(parts["small"], 6) == Decimal("1.142857")
    assert round(idle, 6) == Decimal("0.857143")
    assert parts["big"] + parts["small"] + idle == Decimal(4)


def test_partitions_that_exceed_the_card_are_scaled_to_it() -> None:
    parts, idle = mig_split(Decimal(3), {"a": Fraction(4, 7), "b": Fraction(4, 7), "c": Fraction(4, 7)})
    assert parts == {"a": Decimal(1), "b": Decimal(1), "c": Decimal(1)}
    assert idle == 0


@pytest.mark.parametrize("profile", ["40gb", "3g", "9g.80gb", ""])
def test_what_is_no_profile_of_the_card_is_refused(profile: str) -> None:
    with pytest.raises(ValueError, match=r"profile"):
        mig_share(profile, 80)


@pytest.mark.parametrize(
    ("profile", "card", "expected"),
    [
        ("nvidia.com/mig-1g.20gb", "nvidia-h100-80gb", "0.25"),
        ("1g.24gb", "nvidia-rtx-pro-6000-96gb", "0.25"),
        ("3g.40gb", None, "0.42857142857142857143"),  # of an unknown card, the compute slices alone
        ("4g.80gb", "nvidia-a100-40gb", "0.57142857142857142857"),  # a profile of another card
        ("1/4", None, "0.25"),
        ("1/3", "nvidia-t4", "0.33333333333333333333"),
    ],
)
def test_a_part_of_an_accelerator_by_name(profile: str, card: str | None, expected: str) -> None:
    assert part_named(profile, card) == Decimal(expected)


def test_what_names_no_part_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        part_named("half", None)


def test_t1_9_the_same_gpu_at_two_loads() -> None:
    assert round(per_million(Decimal(4), 1_070 * 3600) or 0, 4) == Decimal("1.0384")
    assert round(per_million(Decimal(4), 9_806 * 3600) or 0, 4) == Decimal("0.1133")
