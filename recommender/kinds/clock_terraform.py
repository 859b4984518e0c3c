"""A week of on and off, or of sizes by the hour, as blocks of Terraform."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from recommender.hcl import Body, Expression, resource
from recommender.owners import auto_scaling_group, azure_part, gcp_place, instance_group, owner_of
from recommender.sagemaker_actions import part_of
from recommender.subjects.machines import Machine

_DAY_NAMES = {
    "MON": "Monday",
    "TUE": "Tuesday",
    "WED": "Wednesday",
    "THU": "Thursday",
    "FRI": "Friday",
    "SAT": "Saturday",
    "SUN": "Sunday",
}

MOST_PROFILES = 20
"""What an autoscale setting of Azure takes."""


@dataclass(frozen=True)
class Size:
    """So many machines from each time of a cron line on; for so many hours, 0 until another size begins."""

    cron: str
    count: int
    hours: int


def on_off(
    machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str, *, stops_every_day: bool
) -> str | None:
    """Blocks that switch a machine itself on and off; None where its cloud has none for it.

    ``stops_every_day``: the one stop there is may be of every day.
    """
    if machine.platform == "managed_endpoint" or part_of(machine.resource_id) is not None:
        return None
    if machine.provider == "aws":
        return _aws(machine, name, starts, stops, zone)
    if machine.provider == "gcp" and "/nodes/" not in machine.resource_id:
        return _gcp(machine, name, starts, stops, zone)
    if machine.provider == "azure":
        return _azure(machine, name, starts, stops, zone, stops_every_day=stops_every_day)
    return None


def sizes(machine: Machine, by_hour: Sequence[Size], zone: str) -> str | None:
    """Blocks that set the size of the machine's group by the clock; ``GROUP`` stands where no group is known.

    None where its cloud takes none, or not so many.
    """
    owner = owner_of(machine)
    if machine.provider == "aws":
        return aws_group(auto_scaling_group(machine) or "GROUP", by_hour, zone)
    if machine.provider == "gcp":
        place, _, group = instance_group(machine) or ("zone", "", "GROUP")
        kind = "google_compute_autoscaler" if place == "zone" else "google_compute_region_autoscaler"
        schedules: list[Body] = [
            {
                "name": f"at-least-{size.count}-{number}",
                "min_required_replicas": size.count,
                "schedule": size.cron,
                "time_zone": zone,
                "duration_sec": size.hours * 3600,
            }
            for number, size in enumerate(by_hour)
        ]
        return resource(kind, group, {"autoscaling_policy": {"scaling_schedules": schedules}})
    if machine.provider == "azure" and len(by_hour) <= MOST_PROFILES:
        most = max((size.count for size in by_hour), default=1)
        group = owner.group if owner is not None else "GROUP"
        profiles = [_profile(size, number, most) for number, size in enumerate(by_hour)]
        return resource("azurerm_monitor_autoscale_setting", group, {"profile": profiles}, note=_zone_note(zone))
    return None


def aws_group(group: str, by_hour: Sequence[Size], zone: str) -> str:
    """Scheduled actions of an auto-scaling group; its largest size stays as it is (-1)."""
    return "\n\n".join(
        resource(
            "aws_autoscaling_schedule",
            f"{group}-{size.count}-from-{number}",
            {
                "scheduled_action_name": f"{size.count}-from-{number}",
                "autoscaling_group_name": group,
                "recurrence": size.cron,
                "time_zone": zone,
                "min_size": size.count,
                "max_size": -1,
                "desired_capacity": size.count,
            },
        )
        for number, size in enumerate(by_hour)
    )


def aws_cron(cron: str) -> str:
    """A cron line as EventBridge writes it: with a year, and a question mark for the day of the month."""
    minute, hour, _, month, days = cron.split()
    return f"{minute} {hour} ? {month} {days} *"


def aws_target(machine: Machine, verb: str) -> dict[str, str]:
    """What EventBridge Scheduler calls to start or stop a machine or a notebook."""
    short = machine.resource_id.rsplit("/", 1)[-1]
    notebook = machine.platform == "notebook"
    service, what = ("sagemaker", {"NotebookInstanceName": short}) if notebook else ("ec2", {"InstanceIds": [short]})
    action = f"{verb}NotebookInstance" if notebook else f"{verb}Instances"
    return {
        "Arn": f"arn:{_partition(machine.region or '')}:scheduler:::aws-sdk:{service}:{action}",
        "RoleArn": "ROLE_ARN",
        "Input": json.dumps(what),
    }


def _partition(region: str) -> str:
    """The part of AWS that a region is in."""
    return next(
        (name for begin, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(begin)), "aws"
    )


def _aws(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    blocks = []
    for verb, crons in (("start", starts), ("stop", stops)):
        target = aws_target(machine, verb)
        blocks += [
            resource(
                "aws_scheduler_schedule",
                f"{name}-{verb}-{number}",
                {
                    "name": f"{name}-{verb}-{number}",
                    "schedule_expression": f"cron({aws_cron(cron)})",
                    "schedule_expression_timezone": zone,
                    "flexible_time_window": {"mode": "OFF"},
                    "target": {"arn": target["Arn"], "role_arn": target["RoleArn"], "input": target["Input"]},
                },
            )
            for number, cron in enumerate(crons)
        ]
    return "\n\n".join(blocks)


def _gcp(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    if not len(starts) == len(stops) == 1:
        return _by_cloud_scheduler(machine, name, starts, stops, zone)
    return resource(
        "google_compute_resource_policy",
        name,
        {
            "name": name,
            "region": machine.region or "REGION",
            "instance_schedule_policy": {
                "time_zone": zone,
                "vm_start_schedule": {"schedule": starts[0]},
                "vm_stop_schedule": {"schedule": stops[0]},
            },
        },
    )


def _by_cloud_scheduler(machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str) -> str:
    """A call of the API for each time: a machine has one schedule of its own, of one start and one stop."""
    project, where = gcp_place(machine)
    short = machine.resource_id.rsplit("/", 1)[-1]
    vm = f"projects/{project}/zones/{where or machine.zone or 'ZONE'}/instances/{short}"
    return "\n\n".join(
        resource(
            "google_cloud_scheduler_job",
            f"{name}-{verb}-{number}",
            {
                "name": f"{name}-{verb}-{number}",
                "region": machine.region or "REGION",
                "schedule": cron,
                "time_zone": zone,
                "http_target": {
                    "http_method": "POST",
                    "uri": f"https://compute.googleapis.com/compute/v1/{vm}/{verb}",
                    "oauth_token": {"service_account_email": "SERVICE_ACCOUNT"},
                },
            },
        )
        for verb, crons in (("start", starts), ("stop", stops))
        for number, cron in enumerate(crons)
    )


def _azure(
    machine: Machine, name: str, starts: Sequence[str], stops: Sequence[str], zone: str, *, stops_every_day: bool
) -> str:
    at_times = [
        resource(
            "azurerm_automation_schedule",
            f"{name}-{verb}-{number}",
            {
                "name": f"{name}-{verb}-{number}",
                "resource_group_name": azure_part(machine.resource_id, "resourcegroups") or "GROUP",
                "automation_account_name": "ACCOUNT",
                "frequency": "Week",
                "timezone": zone,
                # an instant whatever the zone says: with Z the hour would be one of UTC
                "start_time": f"DAYT{int(cron.split()[1]):02d}:00:00OFFSET",
                "week_days": _days(cron),
            },
            note=f"DAY is a day to come, OFFSET what the clock of {zone} is ahead of UTC on it, as +01:00",
        )
        for verb, crons in (("start", starts), ("stop", () if stops_every_day else stops))
        for number, cron in enumerate(crons)
    ]
    return "\n\n".join([_shutdown(machine, stops[0], zone), *at_times] if stops_every_day else at_times)


def _shutdown(machine: Machine, cron: str, zone: str) -> str:
    short = machine.resource_id.rsplit("/", 1)[-1]
    return resource(
        "azurerm_dev_test_global_vm_shutdown_schedule",
        short,
        {
            "virtual_machine_id": machine.resource_id,
            "location": machine.region or "REGION",
            "daily_recurrence_time": f"{int(cron.split()[1]):02d}00",
            "timezone": "TIMEZONE",
            "notification_settings": {"enabled": False},
        },
        note=f"of every day; {_zone_note(zone)}",
    )


def _profile(size: Size, number: int, most: int) -> Body:
    return {
        "name": f"{size.count}-from-{number}",
        "capacity": {"default": size.count, "minimum": size.count, "maximum": most},
        "recurrence": {
            "timezone": "TIMEZONE",
            "days": _days(size.cron),
            "hours": Expression(f"[{int(size.cron.split()[1])}]"),
            "minutes": Expression("[0]"),
        },
    }


def _days(cron: str) -> list[str]:
    return [_DAY_NAMES[day] for day in cron.split()[4].split(",")]


def _zone_note(zone: str) -> str:
    return f"TIMEZONE is Windows' name of {zone}"
