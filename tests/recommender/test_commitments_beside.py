"""Commitments beside changes: what is counted is true when all of it is done as shown; every number by hand.

A machine costs 10 an hour on demand, 7,300 a month, and a committed hour 60 % of that, unless it is said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from aispend.clock import Clock
from aispend.schema import recommendation
from aispend.store import Store
from recommender.contract import Advice, Step
from recommender.life import change_state
from recommender.lives import identity_of
from recommender.methods.offered import Left, Offered
from recommender.portfolio import combine
from recommender.portfolio_commitments import as_bought
from recommender.record import keep
from tests.recommender.commitments import EVERY_HOUR, offered
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.test_commit import PUBLISHED, pool
from tests.recommender.kinds.test_commit import advise as committing
from tests.recommender.test_portfolio import KINDS, Make, advise, kind, nets

D = Decimal
MORNING = (1 << 12) - 1
EVENING = EVERY_HOUR ^ MORNING
FLAT = (240, EVERY_HOUR)
COST = D(7300)


def commit(make_subject: Make, of: Offered, net: int, costs: Mapping[str, Decimal] | None = None) -> Advice:
    acts_on = costs or dict.fromkeys(of.parts, COST)
    whole = sum(acts_on.values(), D(0))
    pool = make_subject(resource_id="usage:pool")
    return advise(pool, "commit", net, cost=whole, acts_on=acts_on, commits=of)


def change(make_subject: Make, kind: str, saved: int, *names: str, **more: Any) -> Advice:
    acts_on = dict.fromkeys(names, COST)
    subject = make_subject(resource_id=names[0])
    return advise(subject, kind, saved, cost=COST * len(names), acts_on=acts_on, **more)


def fleet(machines: int, covers: int, pattern: tuple[int, int] = FLAT) -> Offered:
    return offered(covers, {f"i-{number}": pattern for number in range(machines)})


def test_a_size_for_two_machines_is_a_loss_when_one_is_stopped(make_subject: Make) -> None:
    """Committed 20 cost 12 an hour and save 8; of the 10 that are left 2 more are paid than that: 1,460 a month."""
    advice = [commit(make_subject, fleet(2, 20), 5840), change(make_subject, "stop_idle", 7300, "i-1")]
    found = combine(advice, KINDS)
    assert nets(found) == [0, 7300]
    assert found[0].remark == (
        " Not counted: changes that are counted take 7,300.00 USD a month of the usage it is sized on, and at this "
        "size it would then cost 1,460.00 a month more than it saves. Once they are accepted it is sized anew on what "
        "is left."
    )
    assert found[1].remark == ""


def test_what_is_paid_and_not_used_is_taken_off(make_subject: Make) -> None:
    """Committed 30 cost 18 an hour; of the 20 that are left 2 are saved, by the two machines that run on."""
    advice = [commit(make_subject, fleet(3, 30), 8760), change(make_subject, "stop_idle", 7300, "i-2")]
    found = combine(advice, KINDS)
    assert nets(found) == [1460, 7300]
    assert found[0].by_resource == {"i-0": D(730), "i-1": D(730), "i-2": D(0)}
    assert found[0].remark == (
        " Changes that are counted too take 7,300.00 USD a month of the usage it is sized on: beside them it adds "
        "1,460.00. Once they are accepted it is sized anew on what is left."
    )


def test_what_a_change_leaves_uncommitted_is_nothing_to_a_commitment(make_subject: Make) -> None:
    advice = [commit(make_subject, fleet(3, 20), 5840), change(make_subject, "stop_idle", 7300, "i-2")]
    assert nets(combine(advice, KINDS)) == [5840, 7300]


def test_no_more_goes_than_there_is() -> None:
    """Two machines of 10 an hour, one of them covered by what is owned: with both stopped 6 are lost, and not 16."""
    plan = fleet(2, 10)
    left = replace(plan, usage=tuple(hour / 2 for hour in plan.usage))
    taken = left.taken({"i-0": [Left(D(0))], "i-1": [Left(D(0))]})
    # of the 4 that it saves
    assert left.kept(taken) == D("-1.5")


def test_the_commitment_alone_stands_where_that_is_more(make_subject: Make) -> None:
    """Another accelerator for both machines saves 2,190; the commitment to them, 8 an hour, 5,840."""
    moved = change(make_subject, "accelerator", 2190, "i-0", "i-1")
    found = combine([commit(make_subject, fleet(2, 20), 5840), moved], KINDS)
    assert nets(found) == [5840, 0]
    assert (found[0].remark, found[1].remark) == (
        "",
        " Not counted: it takes more usage from a commitment that is counted than it adds to the total.",
    )


def test_what_adds_beside_the_commitment_stands_with_it(make_subject: Make) -> None:
    """Both changes: 7,300 + 500. The commitment to 30 with the stop: 7,300, and 20 − 18 an hour."""
    advice = [
        commit(make_subject, fleet(3, 30), 8760),
        change(make_subject, "accelerator", 500, "i-0", "i-1"),
        change(make_subject, "stop_idle", 7300, "i-2"),
    ]
    assert nets(combine(advice, KINDS)) == [1460, 0, 7300]


def test_hours_count_and_not_their_sum(make_subject: Make) -> None:
    """Two machines of 20 an hour, one by day, one by night: without one of them 12 are paid for 10 on average."""
    of = offered(20, {"i-0": (240, MORNING), "i-1": (240, EVENING)})
    advice = [commit(make_subject, of, 5840), change(make_subject, "stop_idle", 7300, "i-1")]
    assert nets(combine(advice, KINDS)) == [0, 7300]
    # one runs all day, the other by day alone; 10 are committed
    costs = {"i-0": COST, "i-1": COST / 2}
    of = offered(10, {"i-0": FLAT, "i-1": (120, MORNING)})
    by_day = advise(make_subject(resource_id="i-1"), "stop_idle", COST / 2, cost=COST / 2)
    assert nets(combine([commit(make_subject, of, 2920, costs), by_day], KINDS)) == [2920, 3650]
    always = change(make_subject, "stop_idle", 7300, "i-0")
    assert nets(combine([commit(make_subject, of, 2920, costs), always], KINDS)) == [0, 7300]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        # 15 of 20 stay: 3 an hour; in another family 10 do, for which 12 are paid
        ("p4d.12xlarge", 2190),
        ("g6.12xlarge", 0),
    ],
)
def test_a_smaller_type_leaves_its_share_within_the_family(make_subject: Make, target: str, left: int) -> None:
    smaller = change(make_subject, "rightsize", 3650, "i-1", target=target)
    advice = [commit(make_subject, fleet(2, 20), 5840), smaller]
    # of the other family: 5,840 alone are more than 3,650
    assert nets(combine(advice, KINDS)) == ([left, 3650] if left else [5840, 0])


@pytest.mark.parametrize(
    ("covers", "net", "left"),
    [
        # the others use all of 20 whatever it does; of 30, 7 go on average: 23 − 18 an hour
        (20, 5840, 5840),
        (30, 8760, 3650),
    ],
)
def test_what_is_off_in_some_hours_takes_at_worst_what_was_committed_to(
    make_subject: Make, covers: int, net: int, left: int
) -> None:
    off = change(make_subject, "schedule", 5110, "i-2")
    assert nets(combine([commit(make_subject, fleet(3, covers), net), off], KINDS)) == [left, 5110]


def test_what_was_accepted_is_out_of_the_usage_already(make_subject: Make) -> None:
    """Sized on the one machine that is left when the stop was accepted."""
    advice = [
        commit(make_subject, offered(10, {"i-0": FLAT}), 2920),
        change(make_subject, "stop_idle", 7300, "i-1"),
        change(make_subject, "rightsize", 3650, "i-0", target="p4d.12xlarge"),
    ]
    found = combine(advice, KINDS, lambda item: item.kind != "commit")
    assert nets(found) == [2920, 7300, 3650]
    assert found[0].remark == ""


def test_what_an_accepted_commitment_loses_is_taken_off_what_takes_its_usage(make_subject: Make) -> None:
    """15 of 20 are committed, at 9 an hour. With one machine 1 an hour is saved and not 6; with none 9 are lost."""
    accepted, one = commit(make_subject, fleet(2, 15), 4380), change(make_subject, "stop_idle", 7300, "i-1")
    assert nets(combine([accepted, one], KINDS, lambda item: item is accepted)) == [730, 7300]
    # 14,600 − 6,570 are more than 8,030 by nothing: stopping the second only moves what it costs
    both = [accepted, one, change(make_subject, "stop_idle", 7300, "i-0")]
    found = nets(combine(both, KINDS, lambda item: item is accepted))
    assert sum(found) == 8030
    # two stops of a commitment to all of it give back what it takes: it stays
    whole = commit(make_subject, fleet(2, 20), 5840)
    assert nets(combine([whole, one], KINDS, lambda item: item is whole)) == [5840, 0]


def test_what_was_bought_is_paid_for_though_it_counts_no_more(make_subject: Make) -> None:
    """Of 20 committed all is lost that the stop saves; of 15 the saving falls from 6 to 1 an hour."""
    stop = change(make_subject, "stop_idle", 7300, "i-1")
    assert nets(combine([stop], KINDS, bought=[commit(make_subject, fleet(2, 20), 5840)])) == [0]
    assert nets(combine([stop], KINDS, bought=[commit(make_subject, fleet(2, 15), 4380)])) == [3650]


def bought_in_stages(first: int, whole: int) -> Mapping[str, Any]:
    return {"stages": [f"{first}.00", f"{whole - first}.00"]}


@pytest.mark.parametrize(
    ("stages", "stopped", "counted"),
    [
        # 6 an hour of 12 are bought: they cover the 10 that the stop leaves, and all of the stop is saved
        (bought_in_stages(6, 12), ["i-1"], 7300),
        # without the second machine too nothing is left to cover: what stopping that saves is paid all the same
        (bought_in_stages(6, 12), ["i-0", "i-1"], 7300),
        # 9 an hour cover 15 of 20: 6 are saved, and 1 of the 10 that are left
        (bought_in_stages(9, 12), ["i-1"], 3650),
        # all at once: 8 are saved, and 2 lost of the 10 that are left
        (bought_in_stages(12, 12), ["i-1"], 0),
        ({}, ["i-1"], 0),
    ],
)
def test_of_what_is_bought_in_stages_the_first_is_paid_for(
    database: Store, make_subject: Make, stages: Mapping[str, Any], stopped: list[str], counted: int
) -> None:
    plan = replace(commit(make_subject, fleet(2, 20), 5840), pays_for=D(14_600), evidence=stages)
    stops = [change(make_subject, "stop_idle", 7300, name) for name in stopped]
    with database.engine.begin() as connection:
        keep(connection, [plan], [], AS_OF)
        change_state(connection, identity_of(plan), "done", who="ana", clock=lambda: AS_OF)
        # sized on less today: what was bought stays as it was
        today = replace(plan, evidence=bought_in_stages(1, 2) if stages else {})
        keep(connection, [today, *stops], [], AS_OF)
        rows = connection.execute(select(recommendation).where(recommendation.c.kind == "stop_idle"))
        assert sum(row.counted_net for row in rows) == counted


def test_what_is_bought_first_saves_what_is_promised_of_it() -> None:
    """The published pool: 876.00 of all of it, 584.00 of the 1.20 an hour that are bought first, for 2 of usage."""
    plan = committing(pool(PUBLISHED))
    part = as_bought(plan, plan.evidence)
    assert part.saving.net == D("584.00")
    assert plan.commits is not None
    assert part.commits == replace(plan.commits, covers=plan.commits.covers / 2)
    assert part.pays_for == part.commits.covers * 730


def test_spot_gets_what_the_first_stage_leaves(database: Store, make_subject: Make) -> None:
    """Two machines of 7,300 a month, half of them covered by what was bought first: one may go to spot."""
    plan = replace(commit(make_subject, fleet(2, 20), 5840), pays_for=D(14_600), evidence=bought_in_stages(6, 12))
    moved = change(make_subject, "spot", 3000, "i-1")
    with database.engine.begin() as connection:
        keep(connection, [plan], [], AS_OF)
        change_state(connection, identity_of(plan), "done", who="ana", clock=lambda: AS_OF)
        keep(connection, [plan, moved], [], AS_OF)
        row = connection.execute(select(recommendation).where(recommendation.c.kind == "spot")).one()
    assert row.counted_net == 3000


def test_another_region_takes_the_usage_with_it(make_subject: Make) -> None:
    """Moved for 5,000 a month less, of 7,300: of one machine nothing is left to commit to."""
    moved = change(make_subject, "relocate", 5000, "i-0")
    found = combine([commit(make_subject, fleet(1, 10), 2920), moved], [*KINDS, kind("relocate", Step.PLACE)])
    assert nets(found) == [0, 5000]


def test_the_row_says_why_and_from_when_on(database: Store, make_subject: Make, clock: Clock) -> None:
    plan = commit(make_subject, fleet(2, 20), 5840)
    with database.engine.begin() as connection:
        keep(connection, [plan, change(make_subject, "stop_idle", 7300, "i-1")], [], clock())
        row = connection.execute(select(recommendation).where(recommendation.c.kind == "commit")).one()
    assert (row.counted, row.counted_net) == (False, 0)
    assert row.reason.endswith("more than it saves. Once they are accepted it is sized anew on what is left.")


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["stop_idle", "rightsize", "accelerator", "schedule", "spot"]),
        st.sets(st.sampled_from(["i-0", "i-1", "i-2"]), min_size=1, max_size=2),
        st.integers(1, 23),
    ),
    max_size=6,
)
_PATTERNS = st.lists(st.sampled_from([EVERY_HOUR, MORNING, EVENING]), min_size=3, max_size=3)
HOURS = 24


def after(
    counted: list[tuple[Advice, int]], patterns: Mapping[str, int], covers: int, *, committed: bool, first_hours: bool
) -> Decimal:
    """Money of a day when all that counts is done: what is left in the pool, what moved elsewhere, and the plan."""
    order = {kind.name: kind.step for kind in KINDS}
    pool = {
        name: [D(24) / bits.bit_count() if bits >> hour & 1 else D(0) for hour in range(HOURS)]
        for name, bits in patterns.items()
    }
    elsewhere = dict.fromkeys(patterns, D(0))
    for item, share in sorted(counted, key=lambda one: order[one[0].kind]):
        kept = 1 - D(share) / 24
        for name in item.acts_on:
            elsewhere[name] *= kept
            if item.kind in ("accelerator", "spot"):
                elsewhere[name] += sum(pool[name], D(0)) * kept
                pool[name] = [D(0)] * HOURS
            elif item.kind == "schedule":
                goes = sum(pool[name], D(0)) * D(share) / 24
                for hour in range(HOURS) if first_hours else reversed(range(HOURS)):
                    off = min(goes, pool[name][hour])
                    pool[name][hour] -= off
                    goes -= off
            else:
                pool[name] = [D(0) if item.kind == "stop_idle" else hour * kept for hour in pool[name]]
    usage = [sum((pool[name][hour] for name in pool), D(0)) for hour in range(HOURS)]
    if committed:
        usage = [max(hour - covers, D(0)) + D("0.6") * covers for hour in usage]
    return sum(elsewhere.values(), D(0)) + sum(usage, D(0))


@settings(max_examples=150, deadline=None)
@given(changes=_CHANGES, bits=_PATTERNS, covers=st.integers(1, 4), accepted=st.booleans(), last=st.booleans())
def test_all_that_counts_saves_what_is_counted_when_it_is_done(
    make_subject: Make,
    changes: list[tuple[str, set[str], int]],
    bits: list[int],
    covers: int,
    accepted: bool,
    last: bool,
) -> None:
    """Each machine costs 24 a day in its hours, 730 a month: none saves more than that, nor all more than all."""
    patterns = dict(zip(("i-0", "i-1", "i-2"), bits, strict=True))
    of = offered(covers, {name: (24, hours) for name, hours in patterns.items()})
    alone = after([], patterns, covers, committed=True, first_hours=True)
    net = (72 - alone) * 730 / 24
    costs = dict.fromkeys(patterns, D(730))
    plan = [commit(make_subject, of, net, costs)] if net > 0 else []
    asked = [
        advise(
            make_subject(resource_id=min(names)),
            kind,
            D(730) * len(names) * (24 if kind == "stop_idle" else share) / 24,
            cost=D(730) * len(names),
            acts_on=dict.fromkeys(sorted(names), D(730)),
            target="p4d.12xlarge" if kind == "rightsize" else kind,
        )
        for kind, names, share in changes
    ]
    found = combine([*asked, *plan], KINDS, lambda item: accepted and item.kind == "commit")
    done = [(item, share) for item, (_, _, share), one in zip(asked, changes, found, strict=False) if one.counts]
    buys = bool(plan) and (accepted or found[-1].counts)
    truth = (72 - after(done, patterns, covers, committed=buys, first_hours=not last)) * 730 / 24
    total = sum(nets(found), D(0))
    assert total <= truth + D("0.01")
    assert total <= 3 * 730
    for name in patterns:
        assert sum((one.by_resource.get(name, D(0)) for one in found), D(0)) <= 730
    # never less than the better of the two alone
    without = sum(nets(combine(asked, KINDS)), D(0))
    if not accepted:
        assert total >= max(without, net) - D("0.10")
