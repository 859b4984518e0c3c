"""Arm processors (Graviton, Axion, Cobalt) for AI work that runs on processors alone.

Assumes
    A benchmark of one's own work says how many times as fast a machine of the Arm type is: it holds what the present
    one holds, since the benchmark ran there.
Method
    Whole machines of the measured ratio that carry what the present one can, at their price against today's: ⌈1 ÷
    ratio⌉ × price of the Arm type ÷ price now. At least ``accelerator.min_saving`` must be left.
Cases
    Nobody measured it: no advice and how to measure, since what makers and clouds publish is no figure of this work.
    No price of either: no advice. On Arm already, or with accelerators: not asked. In a group the number is the
    group's: what all of its machines need together.
Sources
    docs/advice.md; methods, cost-to-performance ratio (moves between processors ask for a benchmark; claims of "up to"
    are never numbers).
Known drawbacks
    How busy the processor is, is not read, so fewer machines for less work are not offered here.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.moving import OwnRatio
from aispend.percents import percent
from aispend.prices.prices import Price
from recommender import terraform
from recommender.actions import describe, resize
from recommender.contract import COST_UNKNOWN, Advice, Kind, Step, WhyNot
from recommender.evidence import not_replayed, unmeasured
from recommender.guards import ON_SPOT, before_another, preconditions, refusal, reserved
from recommender.hcl import Expression
from recommender.moved import moved
from recommender.owners import owner_of
from recommender.places import Needed
from recommender.savings import cost_basis, cost_remark, monthly_cost
from recommender.subjects.machines import Machine
from recommender.to_be_had import is_offered, needs_of, not_offered

NAME = "arm_host"
_STAGES = ("inference_online", "inference_batch", "data", "evaluation")
_PLATFORMS = (None, "gpu_vm", "ml_cluster", "managed_endpoint")
_FAMILIES = {
    "aws": (re.compile(r"(ml\.)?([cmr])[4-8](?!g)[a-z-]*\.(\w+)"), r"\g<1>\g<2>8g.\g<3>", "Graviton"),
    "gcp": (
        re.compile(r"(?:n1|n2|n2d|n4|c2|c2d|c3|c3d|c4|c4d|e2)-(standard|highmem|highcpu)-(\d+)"),
        r"c4a-\g<1>-\g<2>",
        "Axion",
    ),
    "azure": (re.compile(r"Standard_([DE])(\d+)(?!p)[a-z]*_v[3-9]"), r"Standard_\g<1>\g<2>ps_v6", "Cobalt"),
}
"""Machine types with x86 processors of each cloud, an Arm type of the same size, and what its processor is called."""


def applies(subject: Machine) -> bool:
    """Machines with x86 processors alone that serve, prepare data or evaluate."""
    return (
        not subject.accelerator_count
        and subject.platform in _PLATFORMS
        and subject.stage in _STAGES
        and _sibling(subject) is not None
    )


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """The Arm type that was measured, or why not."""
    options = settings.accelerator
    days = options.window_days
    cost = monthly_cost(subject, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if found := refusal(subject, settings) or reserved([subject]):
        return no(*found)
    present = subject.instance_type or ""
    measured = [row for row in options.measured if row.present == present]
    if not measured:
        sibling, processor = _sibling(subject) or ("", "")
        return no(
            "unmeasured",
            f"Whether an Arm processor ({processor}) does this work for less is not known: nobody measured it, and "
            "published claims are no figure of this work. Build it for arm64, send the same requests to one "
            f"{present} and one {sibling} at the latency you need, and write the throughput of the second over that "
            f'of the first under [[recommend.accelerator.measured]] (present = "{present}", target = "{sibling}").',
        )
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    if subject.is_on_spot:
        return no("on_spot", ON_SPOT)
    now = subject.price
    offers = [(row, price) for row in _newest(measured) if (price := subject.price_of(row.target)) is not None]
    offers = [(row, price) for row, price in offers if now is not None and price.currency == now.currency]
    if now is None or not offers:
        named = ", ".join(sorted({row.target for row in measured}))
        return no(
            "unpriced", f"No on-demand price is known for {named if now else present} in {subject.place}. Collect it."
        )
    here = [one for one in offers if is_offered([subject], one[0].target) is not False]
    if not here:
        return no("not_offered", not_offered([subject], offers[0][0].target))
    row, price = min(here, key=lambda one: (_hourly(*one), one[0].target))
    left = 1 - _hourly(row, price) / now.hourly_price
    if left < Decimal(repr(options.min_saving)):
        return no(
            "not_worth_it",
            f"{_machines(row)} × {row.target} would do the work of it and cost {_hourly(row, price)} an hour instead "
            f"of {now.hourly_price}; {percent(options.min_saving)} must be left (recommend.accelerator.min_saving).",
        )
    return _advice(subject, row, price, now=now, left=left, cost=cost, days=days)


def _advice(
    subject: Machine, row: OwnRatio, price: Price, *, now: Price, left: Decimal, cost: Decimal, days: int
) -> Advice:
    used, commitments = moved(subject, days, left, "moving", (subject.instance_type, row.target))
    count = _machines(row)
    several = f"{count} × " if count > 1 else ""
    now_running = _running(subject)
    size = None if now_running is None else count * now_running
    needs = needs_of([subject], row.target, count, anew=True)
    command, undo = _command(subject, row.target, size, count, needs)
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"{several}{row.target}, an Arm processor",
        monthly_cost=cost,
        saving=used,
        risk=2,
        confidence="medium",
        effort="high",
        reason=f"One {row.target} does the work of {row.ratio:g} of the present ones ({row.source}, {row.on}), so "
        f"{several or 'one '}{'of them ' if several else ''}carries what this one can, for "
        f"{_hourly(row, price)} instead of {now.hourly_price} {price.currency} an hour at list. Its capacity stays, so "
        f"nothing was replayed.{commitments}{cost_remark(subject, days)}",
        undo=undo,
        command=command,
        target=row.target,
        needs=needs,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            **unmeasured("how busy its processor is, is not read"),
            **not_replayed("the load of its processor is not read: the benchmark stands for it"),
            "speed_point": row.ratio,
            "speed_basis": "own",
            "speed_source": row.source,
            "speed_measured_on": row.on.isoformat(),
            "machines": count,
            "current_price": str(now.hourly_price),
            "proposed_price": str(price.hourly_price),
            "price_currency": price.currency,
            "price_date": price.valid_from.isoformat(),
            "price_source": price.source,
            **_block(subject, row.target, size, count),
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def of_group(item: Advice, machines: int) -> Advice:
    """The same where its group will have so many machines, of whichever types they are now."""
    subject, each = item.subject, int(item.evidence["machines"])
    assert isinstance(subject, Machine)  # noqa: S101 - what this kind looks at
    command, _ = _command(subject, item.target, machines, each, item.needs)
    return replace(item, command=command, evidence={**item.evidence, **_block(subject, item.target, machines, each)})


def _running(subject: Machine) -> int | None:
    """How many run where its number is set: in its group, behind an endpoint as listed (None: unknown), else itself."""
    if subject.platform == "managed_endpoint":
        variants: list[dict[str, Any]] = subject.life.details.get("variants", []) if subject.life else []
        return int(variants[0]["instances"]) if len(variants) == 1 and variants[0].get("instances") else None
    return subject.siblings + 1 if owner_of(subject) else 1


def _command(subject: Machine, target: str, size: int | None, each: int, needs: Needed | None) -> tuple[str, str]:
    """What to run, and how to undo it; ``size`` will run where the number is set, None: ``each`` for one of now."""
    command, undo = resize(subject, target)
    now, is_endpoint = _running(subject), subject.platform == "managed_endpoint"
    number = ""
    if size is None and each > 1:
        number = f"# {each} instances behind it for each there is now\n"
    elif size is not None and size != now:
        number = f"# {size} of them in place of this one: start the others from its image; the first:\n"
        if is_endpoint or owner_of(subject):
            where = "behind it" if is_endpoint else "in its group"
            number = f"# {size} machines {where} instead of {now}: raise its number, and its largest, with the type\n"
    text = f"# build its image and its libraries for arm64 first\n{before_another(subject, target, needs=needs)}"
    text += f"{preconditions(subject)}{number}{command}"
    return text, undo


def _block(subject: Machine, target: str, size: int | None, each: int) -> dict[str, Any]:
    number: int | Expression | None = None if size == _running(subject) else size
    if size is None and each > 1:
        number = terraform.times_now(each)
    return terraform.evidence(terraform.resized(subject, target, number))


def _sibling(subject: Machine) -> tuple[str, str] | None:
    """An Arm type of the same size, and its processor; None for what is Arm already or of no known family."""
    known = _FAMILIES.get(subject.provider)
    if known is None or subject.instance_type is None:
        return None
    pattern, template, processor = known
    found = pattern.fullmatch(subject.instance_type)
    return (found.expand(template), processor) if found else None


def _newest(rows: list[OwnRatio]) -> list[OwnRatio]:
    """The newest measurement of each target."""
    newest: dict[str, OwnRatio] = {}
    for row in sorted(rows, key=_measured_on):
        newest[row.target] = row
    return list(newest.values())


def _measured_on(row: OwnRatio) -> date:
    return row.on


def _machines(row: OwnRatio) -> int:
    """Whole machines of the target for one of the present."""
    return math.ceil(1 / row.ratio - 1e-9)


def _hourly(row: OwnRatio, price: Price) -> Decimal:
    return price.hourly_price * _machines(row)


KIND = Kind(
    name=NAME,
    subject=Machine,
    step=Step.SIZE,
    title="An Arm processor for work on processors",
    needs="your own benchmark of the Arm type; prices of both types in the region",
    applies=applies,
    evaluate=evaluate,
    is_of_whole_group=True,
    of_group=of_group,
)
