"""The judging of advice on labelled work: what was said in a unit's account, against its class, with a rule beside it.

Advice counts where it is open and no mere projection; one that waits for something to be shown (a gate) is advice too,
but for classes that say ``behind a gate``: there it is wrong only without one. An amount to commit to is right where
it would have paid for itself on the last week's usage. Advice that names a place which has to stay is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from sqlalchemy import select

from aispend.schema import recommendation
from aispend.store import Store
from benchmarks.advice_judge import Judged, Resource, Said, score
from benchmarks.labelled_work import BY_NAME, CLASSES, KINDS, NOT_JUDGED, LabelledWork
from benchmarks.work_files import COMMITTED
from benchmarks.work_parts import HOURS, Unit

LAST_WEEK = 7 * 24


@dataclass(frozen=True)
class Told:
    """One recommendation on work: what it says, and what the judge needs of it."""

    said: Said
    model: str | None
    gate: str | None
    estimate: bool
    command: str
    covers: Decimal | None
    """On-demand money an hour that a commitment would cover."""


def told(store: Store) -> dict[str, list[Told]]:
    """Open advice of the judged kinds, by account."""
    row = recommendation.c
    found: dict[str, list[Told]] = {}
    with store.engine.connect() as connection:
        for one in connection.execute(
            select(recommendation).where(row.state == "open", row.kind.in_(KINDS)).order_by(row.id)
        ):
            covers = one.evidence.get("covers_hourly")
            said = Said(one.kind, one.target, one.monthly_saving_net, one.confidence)
            found.setdefault(one.account, []).append(
                Told(
                    said,
                    one.model,
                    one.gate,
                    one.estimate_only,
                    one.command,
                    None if covers is None else Decimal(covers),
                )
            )
    return found


def judge_work(work: LabelledWork, advice: Mapping[str, Sequence[Told]]) -> list[Judged]:
    """Each unit and kind that its class is judged on."""
    return [
        judge_unit(unit, kind, advice.get(unit.account, ()))
        for unit in work.units
        for kind in BY_NAME[unit.label].right
    ]


def judge_unit(unit: Unit, kind: str, advice: Sequence[Told]) -> Judged:
    """One kind of advice on one unit; ``right`` is None where nothing was said that is right or wrong."""
    work = BY_NAME[unit.label]
    right = work.right[kind]
    mine = next(
        (
            one
            for one in advice
            if one.said.kind == kind
            and (work.estimates or not one.estimate)
            and (unit.model is None or one.model in (None, unit.model))
        ),
        None,
    )
    verdict: bool | None = None
    if mine is not None and right != "fine":
        verdict = right in ("wanted", "if it pays")
        if right == "behind a gate":
            verdict = None if mine.gate else False
        if any(f'"{path}"' in mine.command for path in unit.kept):
            verdict = False
        if verdict and mine.covers is not None:
            verdict = pays(unit, mine.covers)
    rule = RULES.get(kind)
    naive = rule is not None and rule[1](unit)
    naive_right = {"wanted": True, "wrong": False, "behind a gate": False}.get(right) if naive else None
    return Judged(
        kind, unit.label, Resource("aws", unit.account), unit.account, right == "wanted", verdict, naive, naive_right,
        said=None if mine is None else mine.said,
    )  # fmt: skip


def pays(unit: Unit, covers: Decimal) -> bool:
    """Whether a commitment of so much on-demand money an hour cost less than what it covered, in the last week."""
    usage = np.zeros(HOURS)
    for charge in unit.charges:
        np.add.at(usage, charge.start, charge.quantity * float(charge.price))
    return float(np.minimum(usage[-LAST_WEEK:], float(covers)).sum()) > float(covers * COMMITTED) * LAST_WEEK


def _buys_plain(unit: Unit) -> bool:
    """Bought tokens of a model of which none are from a cache."""
    return any(one.model == unit.model and not one.resource and not one.tokens[1].any() for one in unit.asked)


def _bought_above(unit: Unit, monthly: float) -> bool:
    bought = [charge for charge in unit.charges if not charge.machine]
    cost = sum(float(charge.quantity[-30:].sum()) * float(charge.price) for charge in bought)
    return bool(bought) and cost > monthly


def _output_heavy(unit: Unit) -> bool:
    bought = [charge for charge in unit.charges if not charge.machine]
    costs = [float(charge.quantity.sum() * float(charge.price)) for charge in bought]
    return bool(bought) and costs[-1] > 0.4 * sum(costs)


def _unused(unit: Unit) -> bool:
    """A seat nobody has, or a credit of which something is left."""
    used = ((cost.get("seats_used") or cost.get("drawn"), cost.get("seats") or cost["amount"]) for cost in unit.costs)
    return any(one and float(one) < float(whole) for one, whole in used)


def _empty_on_average(unit: Unit) -> bool:
    """A machine or more of a reservation empty on average."""
    idle = [charge for charge in unit.charges if charge.reservation and not charge.resource]
    return any(charge.quantity.sum() >= HOURS - charge.start.min() for charge in idle)


def _mean_below(unit: Unit) -> bool:
    """Several machines that are less than 40 % busy on average."""
    return len(unit.measured) > 1 and float(np.nanmean([one.activity for one in unit.measured])) < 0.4


def _trains(unit: Unit) -> bool:
    return any(dict(charge.tags).get("stage") == "training" for charge in unit.charges)


def _lost(unit: Unit) -> bool:
    return any(one.outcome != "succeeded" for one in unit.attempts)


RULES: Mapping[str, tuple[str, Callable[[Unit], bool]]] = {
    "batch": ("every model", lambda unit: bool(unit.asked)),
    "prompt_cache": ("every model that caches nothing", _buys_plain),
    "output_limit": ("output above 40 % of the cost", _output_heavy),
    "managed_or_self_host": ("more bought than two machines cost", lambda unit: _bought_above(unit, 1500)),
    "seats_and_credits": ("a seat or a part of a credit unused", _unused),
    "storage": ("older than 90 days", lambda unit: unit.oldest_days >= 90),
    "commit": ("the average use", lambda unit: any(charge.pricing == "Standard" for charge in unit.charges)),
    "spot": ("every training machine", _trains),
    "idle_capacity": ("a machine empty on average", _empty_on_average),
    "consolidate": ("below 40 % on average", _mean_below),
    "scale_replicas": ("below 40 % on average", _mean_below),
    "training_waste": ("any run that did not succeed", _lost),
}
"""What simple rules say: in words, and of a unit. None is obvious for runs past their plateau."""


def table(judged: Sequence[Judged]) -> Iterator[str]:
    """Per kind and class: units, wanted, found, advice right and wrong, precision and recall, and the rule's."""
    for kind in KINDS:
        rows = [one for one in judged if one.kind == kind]
        rule = RULES.get(kind)
        yield f"{kind:<42}{'units':>6}{'wanted':>7}{'found':>6}{'right':>6}{'wrong':>6}" + (
            f"   {'rule: found':>11}{'wrong':>6}" if rule else ""
        )
        for work in CLASSES:
            mine = [row for row in rows if row.label == work.name]
            if mine:
                yield _line(work.name, mine, has_rule=rule is not None)
        yield _line("in all", rows, has_rule=rule is not None)
        ours, naive = score(rows), score(rows, baseline=True)
        words = f"  precision {percent(ours.precision)}, recall {percent(ours.recall)}"
        if rule:
            words += f"; the rule ({rule[0]}) {percent(naive.precision)}, {percent(naive.recall)}"
        yield words
    yield from (f"{kind}: not judged: {why}" for kind, why in NOT_JUDGED.items())


def _line(name: str, rows: Sequence[Judged], *, has_rule: bool) -> str:
    ours, rule = score(rows), score(rows, baseline=True)
    line = f"  {name:<40}{len(rows):>6}{ours.wanted:>7}{ours.found:>6}{ours.right:>6}{ours.wrong:>6}"
    return line + (f"   {rule.found:>11}{rule.wrong:>6}" if has_rule else "")


def percent(value: float | None) -> str:
    """A share for a table; a dash where there is none."""
    return "–" if value is None else f"{value:.1f} %"
