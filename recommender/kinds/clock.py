"""A week of on and off as commands of each cloud's own scheduler, as text for a person."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Sequence

from recommender.methods.schedule import HOURS_PER_WEEK, Hours, Window
from recommender.owners import azure_place, gcp_place, owner_of
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


def on_off_commands(machine: Machine, windows: Sequence[Window], zone: str) -> tuple[str, str]:
    """Commands that switch a machine on and off by the clock, and a line of Terraform."""
    starts = _crons([window.start for window in windows])
    stops = _crons([window.end % HOURS_PER_WEEK for window in windows])
    place = _one_line(f"account {machine.account or 'unknown'}, region {machine.region or 'unknown'}, clock {zone}")
    head = f"# {place}; what runs at a stop is ended: let jobs write checkpoints. Disks stay and keep their cost\n"
    name = _safe_name(machine)
    if owner := owner_of(machine):
        head += f"# {_one_line(owner.name)} decides how many there are: set its size by the clock, not the machine's\n"
        if machine.provider == "aws" and (group := machine.tags.get("aws:autoscaling:groupName")):
            return head + _scaling_actions(machine, group, [(c, 1) for c in starts] + [(c, 0) for c in stops], zone), (
                "aws_autoscaling_schedule: desired_capacity, recurrence, time_zone"
            )
        return head + "\n".join(owner.look), "the size of the owner, by its own schedule"
    if machine.provider == "gcp" and "/nodes/" not in machine.resource_id:
        return head + _gcp(machine, name, starts, stops, zone), (
            f'google_compute_resource_policy "{name}": instance_schedule_policy'
            f' {{ vm_start_schedule {{ schedule = "{starts[0]}" }} vm_stop_schedule {{ schedule = "{stops[0]}" }}'
            f' time_zone = "{zone}" }}'
        )
    if machine.provider == "azure":
        return head + _azure(machine, starts, stops, zone), (
            "azurerm_dev_test_global_vm_shutdown_schedule: daily_recurrence_time, timezone; azurerm_automation_schedule"
            " for the start"
        )
    return head + _aws(machine, name, starts, stops, zone), (
        f'aws_scheduler_schedule "{name}-start": schedule_expression = "cron({_aws_cron(starts[0])})",'
        f' schedule_expression_timezone = "{zone}"'
    )


def replica_commands(machine: Machine, counts: Hours, zone: str) -> tuple[str, str]:
    """Commands that set the size of a group by the hour of the week, and a line of Terraform."""
    changes = [(hour, int(counts[hour])) for hour in range(HOURS_PER_WEEK) if counts[hour] != counts[hour - 1]]
    by_count: dict[int, list[int]] = defaultdict(list)
    for hour, count in changes:
        by_count[count].append(hour)
    crons = [(cron, count) for count, hours in sorted(by_count.items()) for cron in _crons(hours)]
    place = _one_line(f"account {machine.account or 'unknown'}, region {machine.region or 'unknown'}, clock {zone}")
    head = f"# {place}; keep reactive scaling on above these sizes\n"
    if machine.provider == "aws":
        group = machine.tags.get("aws:autoscaling:groupName", "GROUP")
        return head + _scaling_actions(machine, group, crons, zone), (
            "aws_autoscaling_schedule: desired_capacity, recurrence, time_zone"
        )
    if machine.provider == "gcp":
        project, where = gcp_place(machine)
        each = (
            f"gcloud compute instance-groups managed update-autoscaling GROUP --zone {shlex.quote(where or 'ZONE')}"
            f" --project {shlex.quote(project)} --set-schedule at-least-{count}-{number}"
            f" --schedule-cron {shlex.quote(cron)} --schedule-duration-sec 3600"
            f" --schedule-min-required-replicas {count}"
            f" --schedule-time-zone {shlex.quote(zone)}"
            for number, (cron, count) in enumerate(crons)
        )
        return head + "\n".join(each), "google_compute_autoscaler: scaling_schedules { min_required_replicas }"
    each = (f"# {count} from cron {cron}: a recurrence profile of its autoscale setting" for cron, count in crons)
    return head + "\n".join(each), "azurerm_monitor_autoscale_setting: profile { recurrence }"


def _crons(hours: Sequence[int]) -> list[str]:
    """Cron lines of hours of the week; days with the same hour together."""
    by_hour: dict[int, list[int]] = defaultdict(list)
    for hour in hours:
        by_hour[hour % _HOURS_PER_DAY].append(hour // _HOURS_PER_DAY)
    return [
        f"0 {hour} * * {','.join(DAYS[day] for day in sorted(set(days)))}" for hour, days in sorted(by_hour.items())
    ]


def _aws_cron(cron: str) -> str:
    """A cron line as EventBridge writes it: with a year, and a question mark for the day of the month."""
    minute, hour, _, month, days = cron.split()
    return f"{minute} {hour} ? {month} {days} *"


def _aws(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    short = machine.resource_id.rsplit("/", 1)[-1]
    notebook = machine.platform == "notebook"
    service, what = ("sagemaker", {"NotebookInstanceName": short}) if notebook else ("ec2", {"InstanceIds": [short]})
    if machine.platform == "managed_endpoint":
        return (
            "# an endpoint cannot be stopped: keep its configuration, delete it when a window ends and create it\n"
            "# before the next, or host the model as an inference component, whose copies may scale to zero\n"
            f"aws sagemaker describe-endpoint --endpoint-name {shlex.quote(short)}"
            f" --region {shlex.quote(machine.region or 'REGION')}"
        )
    lines = []
    for verb, crons in (("start", starts), ("stop", stops)):
        action = f"{verb}NotebookInstance" if notebook else f"{verb}Instances"
        target = {
            "Arn": f"arn:aws:scheduler:::aws-sdk:{service}:{action}",
            "RoleArn": "ROLE_ARN",
            "Input": json.dumps(what),
        }
        lines += [
            f"aws scheduler create-schedule --name {shlex.quote(f'{name}-{verb}-{number}')}"
            f" --schedule-expression {shlex.quote(f'cron({_aws_cron(cron)})')}"
            f" --schedule-expression-timezone {shlex.quote(zone)} --flexible-time-window Mode=OFF"
            f" --target {shlex.quote(json.dumps(target))} --region {shlex.quote(machine.region or 'REGION')}"
            for number, cron in enumerate(crons)
        ]
    return "\n".join(lines)


def _scaling_actions(machine: Machine, group: str, crons: Sequence[tuple[str, int]], zone: str) -> str:
    return "\n".join(
        "aws autoscaling put-scheduled-update-group-action"
        f" --auto-scaling-group-name {shlex.quote(group)} --scheduled-action-name {count}-from-{number}"
        f" --recurrence {shlex.quote(cron)} --time-zone {shlex.quote(zone)} --min-size {count}"
        f" --desired-capacity {count} --region {shlex.quote(machine.region or 'REGION')}"
        for number, (cron, count) in enumerate(crons)
    )


def _gcp(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    project, where = gcp_place(machine)
    place, quoted = f"--project {shlex.quote(project)}", shlex.quote(name)
    region = shlex.quote(machine.region or "REGION")
    note = (
        ""
        if len(starts) == len(stops) == 1
        else "# a machine has one such schedule: join its hours, or use Cloud Scheduler\n"
    )
    short = shlex.quote(machine.resource_id.rsplit("/", 1)[-1])
    return (
        f"{note}gcloud compute resource-policies create instance-schedule {quoted} --region {region} {place}"
        f" --vm-start-schedule {shlex.quote(starts[0])} --vm-stop-schedule {shlex.quote(stops[0])}"
        f" --timezone {shlex.quote(zone)}\n"
        f"gcloud compute instances add-resource-policies {short} --resource-policies {quoted}"
        f" --zone {shlex.quote(where or machine.zone or 'ZONE')} {place}"
    )


def _azure(machine: Machine, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    name = shlex.quote(machine.resource_id.rsplit("/", 1)[-1])
    place = azure_place(machine.resource_id)
    lines = [
        f"# auto-shutdown is for every day, at a time of UTC; by the clock of {_one_line(zone)}: {cron}\n"
        f"az vm auto-shutdown --name {name} {place} --time HHMM"
        for cron in stops
    ]
    lines += [
        f"# start, by an Automation schedule or a Logic App at {cron}:\n"
        f"az vm start --ids {shlex.quote(machine.resource_id)}"
        for cron in starts
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
