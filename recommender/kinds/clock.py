"""A week of on and off as commands of each cloud's own scheduler, as text for a person."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Sequence

from recommender.actions import of_spot
from recommender.kinds.clock_terraform import MOST_PROFILES, Size, aws_cron, aws_group, aws_target, on_off, sizes
from recommender.managed_actions import kept_warm
from recommender.methods.schedule import HOURS_PER_WEEK, Hours, Window
from recommender.owners import (
    auto_scaling_group,
    azure_place,
    gcp_place,
    instance_group,
    owner_of,
    scaled_by_clock,
)
from recommender.sagemaker_actions import looked_at
from recommender.subjects.machines import Machine

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
"""Cron's names of the days, in the order of the week."""
_HOURS_PER_DAY = 24


def in_words(windows: Sequence[Window]) -> str:
    """``Mon 01:00–06:00, Tue 08:00–18:00``; days with the same hours together."""
    by_hours: dict[tuple[int, int], list[int]] = defaultdict(list)
    for window in windows:
        by_hours[window.start % _HOURS_PER_DAY, window.hours].append(window.start // _HOURS_PER_DAY)
    said = []
    for (start, hours), days in sorted(by_hours.items(), key=lambda item: item[1]):
        end = start + hours
        after = end // _HOURS_PER_DAY
        later = "" if end <= _HOURS_PER_DAY else f" {DAYS[(days[0] + after) % 7].title()}"
        if later and len(days) > 1:
            later = " the next day" if after == 1 else f" {after} days later"
        said.append(f"{_days(days)} {start:02d}:00–{end % _HOURS_PER_DAY:02d}:00{later}")
    return ", ".join(said)


def on_off_commands(machine: Machine, windows: Sequence[Window], zone: str) -> tuple[str, str | None]:
    """Commands that switch a machine on and off by the clock, and the same as Terraform where it has blocks for it."""
    starts = _crons([window.start for window in windows])
    stops = _crons([window.end % HOURS_PER_WEEK for window in windows])
    place = _one_line(f"account {machine.account or 'unknown'}, region {machine.region or 'unknown'}, clock {zone}")
    head = f"# {place}; what runs at a stop is ended: let jobs write checkpoints. Disks stay and keep their cost\n"
    name = _safe_name(machine)
    if owner := owner_of(machine):
        head += f"# {_one_line(owner.name)} decides how many there are: set its size by the clock, not the machine's\n"
        if group := auto_scaling_group(machine):
            both = [Size(cron, 1, 0) for cron in starts] + [Size(cron, 0, 0) for cron in stops]
            return head + _scaling_actions(machine, group, both, zone), aws_group(group, both, zone)
        return head + "\n".join(owner.look), None
    if kept_warm(machine, 0):
        return head + _by_warm_instances(machine, starts, stops, zone), None
    stops_every_day = _stops_every_day(windows)
    terraform = on_off(machine, name, starts, stops, zone, stops_every_day=stops_every_day)
    is_tpu = "/nodes/" in machine.resource_id
    if machine.provider == "gcp" and (is_tpu or not len(starts) == len(stops) == 1):
        return head + _by_cloud_scheduler(
            machine, starts, stops, zone, "tpus tpu-vm" if is_tpu else "instances"
        ), terraform
    if machine.provider == "gcp":
        return head + _gcp(machine, name, starts[0], stops[0], zone), terraform
    if machine.provider == "azure":
        return head + _azure(machine, starts, stops, zone, stops_every_day=stops_every_day), terraform
    return head + _aws(machine, name, starts, stops, zone), terraform


def replica_commands(machine: Machine, counts: Hours, zone: str) -> tuple[str, str | None]:
    """Commands that set the size of a group by the hour of the week, and the same as Terraform."""
    by_hour = _sizes(counts, lasting=machine.provider == "gcp")
    place = _one_line(f"account {machine.account or 'unknown'}, region {machine.region or 'unknown'}, clock {zone}")
    head = f"# {place}; keep reactive scaling on above these sizes\n"
    owner = owner_of(machine)
    if owner is not None and not scaled_by_clock(machine):
        by_whom = "Cloud Scheduler" if machine.provider == "gcp" else "a schedule of your own"
        said = (
            f"# {size.count} from cron {size.cron}: set the size of {_one_line(owner.name)} by {by_whom}"
            for size in by_hour
        )
        return head + "\n".join((*said, *owner.look)), None
    terraform = sizes(machine, by_hour, zone)
    if machine.provider == "aws":
        group = auto_scaling_group(machine) or "GROUP"
        return head + _scaling_actions(machine, group, by_hour, zone), terraform
    if machine.provider == "gcp":
        project, where = gcp_place(machine)
        kind, there, group = instance_group(machine) or ("zone", where or "ZONE", "GROUP")
        each = (
            f"gcloud compute instance-groups managed update-autoscaling {shlex.quote(group)}"
            f" --{kind} {shlex.quote(there)}"
            f" --project {shlex.quote(project)} --set-schedule at-least-{size.count}-{number}"
            f" --schedule-cron {shlex.quote(size.cron)} --schedule-duration-sec {size.hours * 3600}"
            f" --schedule-min-required-replicas {size.count}"
            f" --schedule-time-zone {shlex.quote(zone)}"
            for number, size in enumerate(by_hour)
        )
        return head + "\n".join(each), terraform
    each = (f"# {size.count} from cron {size.cron}: a recurrence profile of its autoscale setting" for size in by_hour)
    if machine.provider == "azure" and len(by_hour) > MOST_PROFILES:
        head += (
            f"# it takes {MOST_PROFILES} profiles, and these are {len(by_hour)}: keep the larger of two neighbours\n"
        )
    return head + "\n".join(each), terraform


def _sizes(counts: Hours, *, lasting: bool) -> list[Size]:
    """Each number of machines with the times it begins; ``lasting`` where a schedule must say for how long as well."""
    changes = [hour for hour in range(HOURS_PER_WEEK) if counts[hour] != counts[hour - 1]]
    following = [*changes[1:], *(hour + HOURS_PER_WEEK for hour in changes[:1])]
    held: dict[tuple[int, int], list[int]] = defaultdict(list)
    for hour, after in zip(changes, following, strict=True):
        held[int(counts[hour]), after - hour if lasting else 0].append(hour)
    return [Size(cron, count, length) for (count, length), hours in sorted(held.items()) for cron in _crons(hours)]


def _stops_every_day(windows: Sequence[Window]) -> bool:
    """Whether a stop at one hour of every day is all of its stops, and ends no window on another day."""
    on = {hour % HOURS_PER_WEEK for window in windows for hour in range(window.start, window.end)}
    hours = {window.end % _HOURS_PER_DAY for window in windows}
    return len(hours) == 1 and on.isdisjoint(range(hours.pop(), HOURS_PER_WEEK, _HOURS_PER_DAY))


def _crons(hours: Sequence[int]) -> list[str]:
    """Cron lines of hours of the week; days with the same hour together."""
    by_hour: dict[int, list[int]] = defaultdict(list)
    for hour in hours:
        by_hour[hour % _HOURS_PER_DAY].append(hour // _HOURS_PER_DAY)
    return [
        f"0 {hour} * * {','.join(DAYS[day] for day in sorted(set(days)))}" for hour, days in sorted(by_hour.items())
    ]


def _aws(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    short = machine.resource_id.rsplit("/", 1)[-1]
    if machine.platform == "managed_endpoint":
        return (
            "# an endpoint cannot be stopped: keep its configuration, delete it when a window ends and create it\n"
            "# before the next, or host the model as an inference component, whose copies may scale to zero\n"
            f"aws sagemaker describe-endpoint --endpoint-name {shlex.quote(short)}"
            f" --region {shlex.quote(machine.region or 'REGION')}"
        )
    if looked := looked_at(
        machine, "SageMaker has no schedule for it: start and end it by a rule of your own, by the clock"
    ):
        return looked
    return of_spot(machine) + "\n".join(
        f"aws scheduler create-schedule --name {shlex.quote(f'{name}-{verb}-{number}')}"
        f" --schedule-expression {shlex.quote(f'cron({aws_cron(cron)})')}"
        f" --schedule-expression-timezone {shlex.quote(zone)} --flexible-time-window Mode=OFF"
        f" --target {shlex.quote(json.dumps(aws_target(machine, verb)))}"
        f" --region {shlex.quote(machine.region or 'REGION')}"
        for verb, crons in (("start", starts), ("stop", stops))
        for number, cron in enumerate(crons)
    )


def _by_cloud_scheduler(machine: Machine, starts: Sequence[str], stops: Sequence[str], zone: str, what: str) -> str:
    """A TPU has no schedule of its own, and a machine one of one start and one stop."""
    project, where = gcp_place(machine)
    short = shlex.quote(machine.resource_id.rsplit("/", 1)[-1])
    place = f"--zone {shlex.quote(where or machine.zone or 'ZONE')} --project {shlex.quote(project)}"
    return "\n".join(
        f"# by Cloud Scheduler at {cron}, clock {_one_line(zone)}:\ngcloud compute {what} {verb} {short} {place}"
        for verb, crons in (("start", starts), ("stop", stops))
        for cron in crons
    )


def _by_warm_instances(machine: Machine, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    """A service of Cloud Run keeps an instance warm in its hours, and none in the others."""
    return "\n".join(
        f"# by Cloud Scheduler at {cron}, clock {_one_line(zone)}:\n{kept_warm(machine, instances)}"
        for instances, crons in ((1, starts), (0, stops))
        for cron in crons
    )


def _scaling_actions(machine: Machine, group: str, by_hour: Sequence[Size], zone: str) -> str:
    return "\n".join(
        "aws autoscaling put-scheduled-update-group-action"
        f" --auto-scaling-group-name {shlex.quote(group)} --scheduled-action-name {size.count}-from-{number}"
        f" --recurrence {shlex.quote(size.cron)} --time-zone {shlex.quote(zone)} --min-size {size.count}"
        f" --desired-capacity {size.count} --region {shlex.quote(machine.region or 'REGION')}"
        for number, size in enumerate(by_hour)
    )


def _gcp(machine: Machine, name: str, start: str, stop: str, zone: str) -> str:
    project, where = gcp_place(machine)
    place, quoted = f"--project {shlex.quote(project)}", shlex.quote(name)
    region = shlex.quote(machine.region or "REGION")
    short = shlex.quote(machine.resource_id.rsplit("/", 1)[-1])
    return (
        f"gcloud compute resource-policies create instance-schedule {quoted} --region {region} {place}"
        f" --vm-start-schedule {shlex.quote(start)} --vm-stop-schedule {shlex.quote(stop)}"
        f" --timezone {shlex.quote(zone)}\n"
        f"gcloud compute instances add-resource-policies {short} --resource-policies {quoted}"
        f" --zone {shlex.quote(where or machine.zone or 'ZONE')} {place}"
    )


def _azure(machine: Machine, starts: Sequence[str], stops: Sequence[str], zone: str, *, stops_every_day: bool) -> str:
    name = shlex.quote(machine.resource_id.rsplit("/", 1)[-1])
    place = azure_place(machine.resource_id)
    lines, by_schedule = [], [("start", "start", cron) for cron in starts]
    if stops_every_day:
        lines.append(
            f"# auto-shutdown is for every day, at a time of UTC; by the clock of {_one_line(zone)}: {stops[0]}\n"
            f"az vm auto-shutdown --name {name} {place} --time HHMM"
        )
    else:
        by_schedule += [("stop", "deallocate", cron) for cron in stops]
    lines += [
        f"# {said}, by an Automation schedule or a Logic App at {cron}:\n"
        f"az vm {verb} --ids {shlex.quote(machine.resource_id)}"
        for said, verb, cron in by_schedule
    ]
    return "\n".join(lines)


def _days(days: Sequence[int]) -> str:
    """``Mon``, ``Mon–Fri`` or ``Mon, Wed``."""
    ordered = sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{DAYS[ordered[0]].title()}–{DAYS[ordered[-1]].title()}"
    return ", ".join(DAYS[day].title() for day in ordered)


def _safe_name(machine: Machine) -> str:
    """A name schedulers take, out of the machine's own."""
    short = machine.resource_id.rsplit("/", 1)[-1].lower()
    return "work-hours-" + (re.sub(r"[^a-z0-9-]+", "-", short).strip("-")[:40] or "machine")


def _one_line(text: str) -> str:
    """A line break in a name would end the comment, and what follows it would run."""
    return " ".join(text.split())
