"""What must not be touched, and what has to be said before a machine is stopped or given up. Pure, on machines.

Assumes
    Tags mean what they say: a keep tag, or one that names a standby for disasters, is a decision somebody took, and one
    with the value "false" or "no" is none.
Method
    *Refused*: kept by a tag, a warm standby, deployed within ``recommend.new_days``, no longer billed, in a capacity
    block.
    *Of a service*: a machine launched beside one of the same generation (type, image, launch template, what it runs)
    that is older than that is a scale-out and no deployment; one whose configuration was changed is a deployment.
    *Hard to get back*: accelerators listed as scarce, a low placement score or a high interruption band of the spot
    market; a capacity reservation of the machine's own lets it come back.
    *Reserved*: what runs in a capacity reservation of its own is paid for without it. Another type, spot and hours off
    save nothing there; a stop counts once the reservation is given up as well (gate).
    *Said first*: disks inside the host that are empty afterwards, or that nobody knows of; a reservation or a block
    that is paid on without the machine; quota of another type, and whether the zone has it.
Cases
    What is unknown becomes a line in the command's text, never a silent permission. Where one of two machines does
    not say what it runs, the same type counts as the same generation. Tags count however a bill writes their keys
    (``aispend/tag_keys.py``); of two spellings of one key either keeps a machine.
Sources
    docs/advice.md; ``machine_facts.toml``.
Known drawbacks
    When something was deployed is known only from inventories and events; without them nothing is called new.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

from aispend.advising import Exclusion, Recommend
from aispend.percents import percent
from aispend.resource_id import canonical, plain_account
from aispend.tag_keys import is_called, plain_tag_key, tag_values
from recommender.contract import Saving, Subject
from recommender.machine_facts import has_local_disk, scarcity
from recommender.places import Needed
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service

_STANDBY_TAGS = ("role", "purpose", "tier", "env", "environment", "usage")
_STANDBY = ("dr", "disaster-recovery", "disaster recovery", "standby", "warm-standby", "hot-standby", "failover")
_NO = ("false", "no", "n", "0", "off")
_GENERATION = ("image", "launch_template", "config", "model", "variants")
_LAUNCHED_FROM = ("aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version")
_CAPACITY_BLOCK = "capacity-block"
"""What EC2 calls the life cycle of a machine that was bought with a block of capacity."""
ON_SPOT = "It runs on spot, where another type has another price and another chance to be there."
"""Why prices on demand say nothing of what another type would save."""
LOW_PLACEMENT_SCORE = 3
"""Of 10: below this AWS expects a request for spot capacity to fail."""
HIGH_INTERRUPTION = 0.20
"""AWS Spot Advisor's last band: more than 20 % of machines interrupted in a month."""


class Tagged(Protocol):
    """What has tags."""

    @property
    def tags(self) -> Mapping[str, str]: ...


def refusal(machine: Machine, settings: Recommend) -> tuple[str, str] | None:
    """Reason and explanation where nothing may be advised that takes the machine away or makes it less."""
    if found := decided(machine, settings):
        return found
    if machine.is_off:
        listed = machine.off_since
        return (
            "off",
            f"Its listing has it off or gone since {listed:%Y-%m-%d}." if listed else "It is no longer billed.",
        )
    if machine.life is not None and machine.life.details.get("lifecycle") == _CAPACITY_BLOCK:
        return "prepaid", "It runs in a capacity block, which is paid in advance: less of it saves nothing."
    if found := too_new(machine.life.deployed_at if machine.life else None, machine.as_of, settings):
        return found
    if (machine.as_of.date() - machine.first_seen).days < 1:
        return "too_new", "It is less than a day old."
    return None


def refusal_of_service(service: Service, settings: Recommend) -> tuple[str, str] | None:
    """The same for the machines of a service that run: of the first that must be left alone, by name.

    A machine that joined others of its generation changes nothing of the service, however new it is.
    """
    current = [member.machine for member in service.current]
    members = [member.machine for member in service.members]
    for machine in current:
        found = refusal(machine, settings)
        if found is None or (found[0] == "too_new" and _joined(machine, members, settings)):
            continue
        reason, explanation = found
        return reason, explanation if len(current) == 1 else f"Of {machine.resource_id}: {explanation}"
    return None


def _joined(machine: Machine, members: Iterable[Machine], settings: Recommend) -> bool:
    """Whether it was launched beside a machine of the same generation that is not new, ended or not."""
    life = machine.life
    if life is not None and life.deployed_at is not None and life.deployed_at != life.launched_at:
        return False
    return any(
        other.resource_id != machine.resource_id
        and _same_generation(machine, other)
        and too_new(_here_since(other), machine.as_of, settings) is None
        for other in members
    )


def others_in_group(machines: Sequence[Machine]) -> int:
    """Machines of the first one's group that run and are none of these: a size of the group is theirs as well."""
    first = machines[0]
    same = {one.resource_id for one in machines if one.resource_id != first.resource_id and one.fleet == first.fleet}
    return max(first.siblings - len(same), 0)


def others_remark(others: int) -> str:
    """A comment line for before the size of a group that holds others; else nothing."""
    if not others:
        return ""
    return (
        f"# {others} of its machines are not of this advice and are in the size: protect them from scale-in, or the "
        "group may end them\n"
    )


def _here_since(machine: Machine) -> datetime:
    """When it was deployed, or first billed where nobody saw that."""
    deployed = machine.life.deployed_at if machine.life else None
    return deployed or datetime.combine(machine.first_seen, time(), machine.as_of.tzinfo)


def _same_generation(one: Machine, other: Machine) -> bool:
    """Whether nothing that both tell of what they run differs; of the type nothing may be unknown."""
    if one.instance_type is None or one.instance_type != other.instance_type:
        return False
    pairs = zip(_generation(one), _generation(other), strict=True)
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def _generation(machine: Machine) -> tuple[object, ...]:
    """What a listing and the tags of a launch tell of what it runs; None where they do not."""
    details = machine.life.details if machine.life else {}
    launched = (next(iter(tag_values(machine.tags, name)), None) for name in _LAUNCHED_FROM)
    return (*(details.get(name) for name in _GENERATION), *launched)


def exclusion_of(subject: Subject, kind: str, settings: Recommend) -> Exclusion | None:
    """The first rule of the settings that keeps this kind away from it."""
    return next((rule for rule in settings.exclude if _fits(rule, kind, subject)), None)


def _fits(rule: Exclusion, kind: str, subject: Subject) -> bool:
    return any(_matches(pattern, kind) for pattern in rule.kinds) and is_about(rule, subject)


def is_about(rule: Exclusion, subject: Subject) -> bool:
    """Whether a rule of the settings is about it, whatever kinds of advice it keeps away."""
    return (
        _matches(rule.provider, subject.provider)
        and any(_matches(rule.account, name) for name in _accounts(subject))
        and _matches(rule.region, subject.region)
        and any(
            _matches(name, own)
            for name in {rule.resource_id, _canonical(rule, subject)}
            for own in {subject.resource_id, subject.identified_by}
        )
        and _matches(rule.team, subject.team)
        and _matches(rule.model, subject.model)
        and all(any(_matches(glob, tag) for tag in tag_values(subject.tags, key)) for key, glob in rule.tags.items())
    )


def _accounts(subject: Subject) -> tuple[str | None, ...]:
    """Its account as it may be written: a subscription with and without its path."""
    if subject.provider != "azure" or subject.account is None:
        return (subject.account,)
    return plain_account(subject.account), f"/subscriptions/{plain_account(subject.account)}"


def _canonical(rule: Exclusion, subject: Subject) -> str:
    """The id that the rule names, in the one form that ids have here: somebody may have copied an ARN."""
    return canonical(subject.provider, rule.resource_id)


def _matches(pattern: str, value: str | None) -> bool:
    return pattern == "*" or fnmatch.fnmatchcase((value or "").lower(), pattern.lower())


def decided(machine: Tagged, settings: Recommend) -> tuple[str, str] | None:
    """Reason and explanation where a tag says that somebody wants it as it is."""
    if kept := keep_tag(machine, settings):
        return "excluded", f"Tag {kept} asks to keep it."
    if standby := standby_tag(machine):
        return "standby", f"Tag {standby} says that it stands by for a failure: it is paid for so that it does nothing."
    return None


def too_new(deployed: datetime | None, as_of: datetime, settings: Recommend) -> tuple[str, str] | None:
    """Reason and explanation where what it runs was deployed a short while ago; unknown is not new."""
    if deployed is None or as_of - deployed >= timedelta(days=settings.new_days):
        return None
    return "too_new", (
        f"What it runs was deployed on {deployed:%Y-%m-%d}, less than {settings.new_days} days ago "
        "(recommend.new_days)."
    )


def keep_tag(machine: Tagged, settings: Recommend) -> str | None:
    """The tag that asks to keep it."""
    names = settings.idle.keep_tags
    kept = (key for key, value in machine.tags.items() if any(is_called(key, name) for name in names) and _says(value))
    return next(kept, None)


def _says(value: str) -> bool:
    """Whether a tag's value does not take back what its key says."""
    return value.strip().lower() not in _NO


def standby_tag(machine: Tagged) -> str | None:
    """The tag that says it stands by for a disaster, as ``key=value``."""
    for key, value in machine.tags.items():
        name = plain_tag_key(key).rsplit("/", 1)[-1]
        if (name in _STANDBY_TAGS and value.strip().lower() in _STANDBY) or (name in _STANDBY and _says(value)):
            return f"{key}={value}"
    return None


def hard_to_regain(machine: Machine) -> str | None:
    """Why its capacity may not come back once given up, in words; None where it should, or a reservation holds it."""
    if reservation_of(machine):
        return None
    market = machine.market
    if market is not None and market.placement_score is not None and market.placement_score <= LOW_PLACEMENT_SCORE:
        return f"spot placement scores {market.placement_score} of 10"
    if market is not None and market.band is not None and market.band.least_a_month >= HIGH_INTERRUPTION:
        return f"more than {percent(market.band.low)} of spot machines of the type are interrupted in {market.band.per}"
    return scarcity(machine.accelerator_type)


def reservation_of(machine: Machine) -> str | None:
    """The capacity reservation the machine runs in, by its listing or else by its bill."""
    if machine.life and (listed := machine.life.details.get("capacity_reservation")):
        return str(listed)
    return machine.reservation.rsplit("/", 1)[-1] if machine.reservation else None


def reserved(machines: Sequence[Machine]) -> tuple[str, str] | None:
    """Reason and explanation where a reservation of one of them would be paid for without it; None: none has one."""
    for machine in machines:
        if reservation := reservation_of(machine):
            which = machine.resource_id if len(machines) > 1 else "It"
            said = f"{which} runs in the capacity reservation {reservation}, which would be paid for without it."
            return "reserved", said
    return None


def given_up_too(machines: Iterable[Machine]) -> str | None:
    """What stopping any of them waits for before it saves anything (a gate): that their reservations go with them."""
    names = sorted({name for machine in machines if (name := reservation_of(machine))})
    if not names:
        return None
    are = "reservation" if len(names) == 1 else "reservations"
    return f"that capacity {are} {', '.join(names)} {'is' if len(names) == 1 else 'are'} lowered or cancelled with it"


def loses_disks(machine: Machine) -> bool | None:
    """Whether it has disks that are empty after a stop; None where nobody knows. What is managed shows none."""
    if machine.platform not in (None, "gpu_vm", "ml_cluster"):
        return False
    return has_local_disk(machine.provider, machine.instance_type or "")


def preconditions(machine: Machine) -> str:
    """Comment lines to stand before a command that stops the machine or gives it up; each ends its line."""
    lines = []
    disks = loses_disks(machine)
    if disks:
        lines.append("disks inside the host are empty afterwards: save what is on them first")
    elif disks is None:
        lines.append("whether it has disks inside the host is not known: save what is on them first")
    if reservation := reservation_of(machine):
        lines.append(f"capacity reservation {reservation} keeps its place, and is paid for until it is cancelled")
    elif why := hard_to_regain(machine):
        lines.append(f"its capacity may not come back: {why}")
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def scarce_among(machines: Iterable[Machine]) -> str | None:
    """Why capacity of one of them may not come back, in words; None where that of all should."""
    return next((why for machine in machines if (why := hard_to_regain(machine))), None)


def preconditions_of(machines: Iterable[Machine]) -> str:
    """What stands before a command that gives up some of them, each line once."""
    lines = [line for machine in machines for line in preconditions(machine).splitlines(keepends=True)]
    return "".join(dict.fromkeys(lines))


def before_another(machine: Machine, instance_type: str, *, how: str = "", needs: Needed | None = None) -> str:
    """A comment line before a command that runs it on another type, or buys it otherwise (``how``, `` on spot``): to
    ask for quota and zone, as far as nobody told them of what it ``needs``."""
    fit = None if needs is None else machine.places.fit_of(needs)
    has_quota = fit is not None and fit.quota.used is not None
    is_offered = needs is not None and machine.places.offer_of(needs)
    if has_quota and is_offered:
        return ""
    where = f"zone {machine.zone} has it" if machine.zone else "its zones have it"
    what = f"{instance_type}{how} in {machine.region or 'its region'}"
    if has_quota:
        said = f"for {what} see first whether {where}"
    else:
        said = f"ask for quota of {what} first" + ("" if is_offered else f", and whether {where}")
    return f"# {' '.join(said.split())}\n"


def covered_remark(saved: Saving, doing: str) -> str:
    """A sentence where commitments pay for all that ``doing`` would save, or for a part of it; else nothing."""
    if saved.effective <= 0 or saved.net >= saved.effective:
        return ""
    if saved.net == 0:
        return f" Commitments cover it, so {doing} saves nothing today."
    return f" Commitments cover a part of it: {saved.effective - saved.net} a month of that is not saved today."
