"""Whether what a proposal changes to may be had: the type in the machine's zone, and quota for what runs at once.

Assumes
    A group replaces its machines while the others run, and so does whatever is made anew (another region, spot, another
    architecture): old and new count together. A machine that is stopped, changed and started counts once.
Method
    A kind passes over what ``is_offered`` says no of, and names in ``needs`` what its proposal takes; what is known of
    that (``places.py``) is held against it for all kinds here. Not offered, or more at once than the quota grants: a
    reason why not, with the numbers and where to ask for more. Else the evidence has what was told and when.
Cases
    Not told: the command keeps its remark to ask, and the evidence says that it was not checked. A quota that is large
    enough for the change alone where the cloud does not tell what else is used: said, and the remark stays.
    Whatever a managed service runs machines for has limits of its own, which nobody told: not checked.
Sources
    docs/advice.md; ``places.py``.
Known drawbacks
    This looks at one line of advice by itself; several, and the lines of a group, are ``quotas_together.py``'s.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from recommender.contract import Advice, Subject, WhyNot
from recommender.managed_actions import resized
from recommender.owners import owner_of
from recommender.places import Fit, Needed, Place, Purchase, Quota
from recommender.subjects.machines import Machine

NOT_CHECKED = "not checked"
_ON_MACHINES = (None, "gpu_vm")


def needs_of(
    machines: Sequence[Machine],
    instance_type: str,
    number: int,
    *,
    region: str | None = None,
    purchase: Purchase | None = None,
    anew: bool = False,
) -> Needed | None:
    """What changing these machines, of one type and place, to so many of another takes; None where nothing can be told.

    ``region`` is another one, ``purchase`` another way of buying; ``anew`` says that the new ones run before the old
    ones go, whoever starts them.
    """
    first = machines[0]
    where = region or first.region
    if not first.account or not where or number < 1 or any(one.platform not in _ON_MACHINES for one in machines):
        return None
    now = _bought(first)
    same = region in (None, first.region) and purchase in (None, now)
    zones = () if region not in (None, first.region) else tuple(sorted({one.zone for one in machines if one.zone}))
    return Needed(
        place=Place(first.provider, first.account, where, first.as_of),
        instance_type=instance_type,
        number=number,
        zones=zones,
        purchase=purchase or now,
        present=first.instance_type or "",
        beside=len(machines) if same else 0,
        together=anew or owner_of(first) is not None or resized(first, instance_type) is not None,
    )


def is_offered(machines: Sequence[Machine], instance_type: str, region: str | None = None) -> bool | None:
    """Whether the zones of these machines, or another region, offer a type; None where nobody was told."""
    wanted = needs_of(machines, instance_type, 1, region=region)
    return None if wanted is None else machines[0].places.offer_of(wanted)


def not_offered(machines: Sequence[Machine], instance_type: str, region: str | None = None) -> str:
    """Why a type that is known not to be offered there cannot be had, for a person."""
    wanted = needs_of(machines, instance_type, 1, region=region)
    assert wanted is not None  # noqa: S101 - what cannot be told is not known not to be offered
    return _not_offered(machines[0], wanted)


def held(advice: Advice) -> Advice | WhyNot:
    """The proposal with what is known of having it in its evidence, or why it cannot be had."""
    wanted, places = advice.needs, advice.subject.places
    if wanted is None:
        return advice

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(advice.kind, advice.subject, reason, explanation, advice.monthly_cost)

    offered = places.offer_of(wanted)
    if offered is False:
        return no("not_offered", _not_offered(advice.subject, wanted))
    fit = places.fit_of(wanted)
    if fit is not None and not fit.is_enough:
        return no("quota", _too_small(wanted, fit))
    told = {
        "zone_offers_type": _told_of_offer(advice.subject, wanted) if offered else NOT_CHECKED,
        "quota": NOT_CHECKED if fit is None else _told_of_quota(fit),
    }
    return replace(advice, evidence={**advice.evidence, **told})


def _bought(machine: Machine) -> Purchase:
    """How its newest day was bought."""
    return "spot" if machine.costs and machine.costs[-1].is_spot else "on_demand"


def _not_offered(subject: Subject, wanted: Needed) -> str:
    place, name = wanted.place, wanted.instance_type
    found = subject.places.offering(place, name)
    assert found is not None  # noqa: S101 - it was told that it is not
    lacking = [zone for zone in wanted.zones if subject.places.is_offered(place, name, zone) is False]
    where = f"zone {', '.join(lacking)}" if lacking and found.zones else f"any zone of {place.region}"
    others = f"; {', '.join(sorted(found.zones))} would" if found.zones else ""
    return f"{name} is not offered in {where} (told on {found.as_of:%Y-%m-%d}{others})."


def _told_of_offer(subject: Subject, wanted: Needed) -> str:
    found = subject.places.offering(wanted.place, wanted.instance_type)
    assert found is not None  # noqa: S101 - it was told that it is
    where = ", ".join(wanted.zones) or wanted.place.region
    return f"{wanted.instance_type} is offered in {where}, told on {found.as_of:%Y-%m-%d} ({found.source})"


def _told_of_quota(fit: Fit) -> str:
    quota = fit.quota
    return (
        f"{plain(fit.at_once)} of {plain(quota.granted)} {units(quota.unit)} at once, {quota.title} ({quota.code}), "
        f"told on {quota.as_of:%Y-%m-%d} ({quota.source}){of_use(quota)}"
    )


def of_use(quota: Quota) -> str:
    """Where what is used of a quota is from, if its cloud does not tell; to go on a sentence with."""
    if quota.used is None:
        return "; what else is used is not told"
    return (
        f"; what is used is counted from the machines listed on {quota.listed_at:%Y-%m-%d}" if quota.listed_at else ""
    )


def _too_small(wanted: Needed, fit: Fit) -> str:
    quota, many = fit.quota, f"{wanted.number} × " if wanted.number > 1 else ""
    how = " on spot" if wanted.purchase == "spot" else ""
    beside = f" beside the {plain(fit.running)} that run" if fit.running else ""
    counted = of_use(quota) if quota.listed_at else ""
    return (
        f"{many}{wanted.instance_type}{how} takes {plain(fit.new)} {units(quota.unit)}{beside}, and {quota.title} "
        f"({quota.code}) grants {plain(quota.granted)} in {quota.region} (told on {quota.as_of:%Y-%m-%d}{counted}). "
        f"Ask for {plain(fit.at_once)} first: {asking(quota, fit.at_once)}."
    )


def asking(quota: Quota, amount: Decimal) -> str:
    """Where more is asked for: a command where there is one that everybody has, else the page of the console."""
    code, region = shlex.quote(quota.code), shlex.quote(quota.region)
    return {
        "aws": f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code}"
        f" --desired-value {plain(amount)} --region {region}, or Service Quotas in the console",
        "azure": f"Quotas in the portal, {quota.title} in {quota.region} of subscription {quota.account}",
        "gcp": f"IAM & Admin, Quotas in the console, {quota.code} in {quota.region} of project {quota.account}",
    }[quota.provider]


def units(unit: str) -> str:
    """A quota's unit, of several."""
    return f"{unit}s"


def plain(number: Decimal) -> str:
    """An amount without zeros that say nothing."""
    return f"{number.normalize():f}"
