"""Weeks as Terraform, to the letter, and sizes that hold until the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recommender.kinds.clock import on_off_commands, replica_commands
from recommender.methods.schedule import Window
from tests.recommender.kinds.services import Make

VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
SCALE_SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


def on_off(make_subject: Make, **values: Any) -> str | None:
    return on_off_commands(make_subject(**values), [Window(1, 5)], "Europe/Berlin")[1]


def test_a_machine_of_aws_is_started_and_stopped_by_eventbridge(make_subject: Make) -> None:
    start, stop = (on_off(make_subject) or "").split("\n\nresource ")
    assert start == (
        'resource "aws_scheduler_schedule" "work-hours-i-0a1b2c3d-start-0" {\n'
        '  name                         = "work-hours-i-0a1b2c3d-start-0"\n'
        '  schedule_expression          = "cron(0 1 ? * MON *)"\n'
        '  schedule_expression_timezone = "Europe/Berlin"\n\n'
        '  flexible_time_window {\n    mode = "OFF"\n  }\n\n'
        "  target {\n"
        '    arn      = "arn:aws:scheduler:::aws-sdk:ec2:startInstances"\n'
        '    role_arn = "ROLE_ARN"\n'
        '    input    = "{\\"InstanceIds\\": [\\"i-0a1b2c3d\\"]}"\n'
        "  }\n}"
    )
    assert "cron(0 5 ? * MON *)" in stop
    assert "stopInstances" in stop


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_target_is_of_the_partition_of_its_region(make_subject: Make, region: str, partition: str) -> None:
    command, terraform = on_off_commands(make_subject(region=region), [Window(1, 5)], "UTC")
    assert terraform is not None
    for text in (command, terraform):
        assert f"arn:{partition}:scheduler:::aws-sdk:ec2:startInstances" in text


def test_a_group_of_aws_has_its_size_by_the_clock(make_subject: Make) -> None:
    up, down = (on_off(make_subject, tags={"aws:autoscaling:groupName": "g"}) or "").split("\n\n")
    assert up == (
        'resource "aws_autoscaling_schedule" "g-1-from-0" {\n'
        '  scheduled_action_name  = "1-from-0"\n'
        '  autoscaling_group_name = "g"\n'
        '  recurrence             = "0 1 * * MON"\n'
        '  time_zone              = "Europe/Berlin"\n'
        "  min_size               = 1\n"
        "  max_size               = -1\n"
        "  desired_capacity       = 1\n}"
    )
    assert 'recurrence             = "0 5 * * MON"' in down
    assert "desired_capacity       = 0" in down


def test_a_machine_of_google_has_a_resource_policy(make_subject: Make) -> None:
    machine = {"provider": "gcp", "resource_id": "projects/p/zones/us-central1-a/instances/vm", "region": "us-central1"}
    assert on_off(make_subject, **machine) == (
        'resource "google_compute_resource_policy" "work-hours-vm" {\n'
        '  name   = "work-hours-vm"\n'
        '  region = "us-central1"\n\n'
        "  instance_schedule_policy {\n"
        '    time_zone = "Europe/Berlin"\n\n'
        '    vm_start_schedule {\n      schedule = "0 1 * * MON"\n    }\n\n'
        '    vm_stop_schedule {\n      schedule = "0 5 * * MON"\n    }\n'
        "  }\n}"
    )


def test_a_machine_of_azure_is_shut_down_and_started(make_subject: Make) -> None:
    """Automation takes the time as an instant: 01:00Z is 2 or 3 o'clock in Berlin."""
    stop, start = (on_off(make_subject, provider="azure", resource_id=VM, region="westeurope") or "").split("\n\n# ")
    assert stop == (
        "# of every day; TIMEZONE is Windows' name of Europe/Berlin\n"
        'resource "azurerm_dev_test_global_vm_shutdown_schedule" "vm" {\n'
        f'  virtual_machine_id    = "{VM}"\n'
        '  location              = "westeurope"\n'
        '  daily_recurrence_time = "0500"\n'
        '  timezone              = "TIMEZONE"\n\n'
        "  notification_settings {\n    enabled = false\n  }\n}"
    )
    assert start == (
        "DAY is a day to come, OFFSET what the clock of Europe/Berlin is ahead of UTC on it, as +01:00\n"
        'resource "azurerm_automation_schedule" "work-hours-vm-start-0" {\n'
        '  name                    = "work-hours-vm-start-0"\n'
        '  resource_group_name     = "g"\n'
        '  automation_account_name = "ACCOUNT"\n'
        '  frequency               = "Week"\n'
        '  timezone                = "Europe/Berlin"\n'
        '  start_time              = "DAYT01:00:00OFFSET"\n'
        '  week_days               = ["Monday"]\n'
        "}"
    )


SIX_DAYS = [*(Window(day * 24 + 8, day * 24 + 18) for day in range(5)), Window(5 * 24 + 6, 5 * 24 + 12)]
"""Monday to Friday from 8 to 18, Saturday from 6 to 12."""


def test_a_machine_of_google_with_hours_of_its_own_on_a_day_is_told_by_cloud_scheduler(make_subject: Make) -> None:
    """A machine has one instance schedule, of one start and one stop: with the first of each (Saturday 6, Saturday 12)
    it would be off from Saturday noon to Saturday at 6."""
    machine = {"provider": "gcp", "resource_id": "projects/p/zones/us-central1-a/instances/vm", "region": "us-central1"}
    command, terraform = on_off_commands(make_subject(**machine), SIX_DAYS, "Europe/Berlin")
    assert "instance-schedule" not in command
    of_vm = "vm --zone us-central1-a --project p"
    assert [line for line in command.splitlines() if not line.startswith("# account")] == [
        f"# by Cloud Scheduler at {cron}, clock Europe/Berlin:"
        if is_cron
        else f"gcloud compute instances {cron} {of_vm}"
        for pair in (
            ("0 6 * * SAT", "start"),
            ("0 8 * * MON,TUE,WED,THU,FRI", "start"),
            ("0 12 * * SAT", "stop"),
            ("0 18 * * MON,TUE,WED,THU,FRI", "stop"),
        )
        for is_cron, cron in zip((True, False), pair, strict=True)
    ]
    assert terraform is not None
    assert terraform.count('resource "google_cloud_scheduler_job"') == 4
    assert terraform.split("\n\nresource ")[0] == (
        'resource "google_cloud_scheduler_job" "work-hours-vm-start-0" {\n'
        '  name      = "work-hours-vm-start-0"\n'
        '  region    = "us-central1"\n'
        '  schedule  = "0 6 * * SAT"\n'
        '  time_zone = "Europe/Berlin"\n\n'
        "  http_target {\n"
        '    http_method = "POST"\n'
        '    uri         = "https://compute.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instances/vm/start"'
        "\n\n"
        '    oauth_token {\n      service_account_email = "SERVICE_ACCOUNT"\n    }\n'
        "  }\n}"
    )


def test_a_shutdown_of_every_day_is_for_a_stop_of_every_day_alone(make_subject: Make) -> None:
    """Saturday's stop at 12, every day, would end the work of Monday to Friday at noon; and a window over midnight,
    from Monday 8 to Tuesday 18, that of Monday at 18."""
    machine = make_subject(provider="azure", resource_id=VM, region="westeurope")
    for hours in (SIX_DAYS, [Window(8, 42)]):
        command, terraform = on_off_commands(machine, hours, "Europe/Berlin")
        assert "auto-shutdown" not in command
        assert terraform is not None
        assert "shutdown_schedule" not in terraform
        assert '"work-hours-vm-stop-0"' in terraform
    assert f"at 0 18 * * TUE:\naz vm deallocate --ids {VM}" in command
    # the same stop on each of five days is off at that hour on all seven
    command, terraform = on_off_commands(machine, SIX_DAYS[:5], "Europe/Berlin")
    assert command.count("az vm auto-shutdown") == 1
    assert terraform is not None
    assert 'daily_recurrence_time = "1800"' in terraform


@pytest.mark.parametrize(
    "values",
    [
        {"platform": "managed_endpoint"},
        {"tags": {"aws:eks:cluster-name": "ml"}},
        {"provider": "oci"},
        {"provider": "gcp", "resource_id": "projects/p/zones/z/nodes/tpu-1"},
    ],
)
def test_what_has_no_block_has_none(make_subject: Make, values: dict[str, Any]) -> None:
    assert on_off(make_subject, **values) is None


def test_a_tpu_is_not_stopped_by_another_cloud_s_command(make_subject: Make) -> None:
    machine = make_subject(provider="gcp", resource_id="projects/p/zones/z/nodes/tpu-1")
    command, _ = on_off_commands(machine, [Window(1, 5)], "UTC")
    assert "gcloud compute tpus tpu-vm stop tpu-1 --zone z --project p" in command
    assert "aws" not in command


def test_a_size_holds_until_the_next_one_begins(make_subject: Make) -> None:
    """Four from 8 to 18 on Monday and Tuesday, one for the rest: ten hours each, then 14 and, to Monday, 134."""
    counts = np.ones(168, dtype=np.int64)
    counts[8:18] = counts[32:42] = 4
    google = make_subject(
        provider="gcp",
        resource_id="projects/p/zones/us-central1-a/instances/1",
        tags={"created-by": "projects/1/zones/us-central1-a/instanceGroupManagers/web"},
    )
    command, terraform = replica_commands(google, counts, "UTC")

    rows = [line for line in command.splitlines() if not line.startswith("#")]
    assert [line.split("--schedule-cron ")[1].split(" --schedule-time")[0] for line in rows] == [
        "'0 18 * * MON' --schedule-duration-sec 50400 --schedule-min-required-replicas 1",
        "'0 18 * * TUE' --schedule-duration-sec 482400 --schedule-min-required-replicas 1",
        "'0 8 * * MON,TUE' --schedule-duration-sec 36000 --schedule-min-required-replicas 4",
    ]
    assert rows[0].startswith("gcloud compute instance-groups managed update-autoscaling web --zone us-central1-a")
    assert terraform is not None
    assert terraform.startswith('resource "google_compute_autoscaler" "web" {\n  autoscaling_policy {\n')
    assert terraform.count("scaling_schedules {") == 3
    assert (
        "    scaling_schedules {\n"
        '      name                  = "at-least-4-2"\n'
        "      min_required_replicas = 4\n"
        '      schedule              = "0 8 * * MON,TUE"\n'
        '      time_zone             = "UTC"\n'
        "      duration_sec          = 36000\n"
        "    }\n"
    ) in terraform


def test_a_group_of_a_region_is_scaled_there_and_a_pool_of_gke_by_its_cluster(make_subject: Make) -> None:
    counts = np.ones(168, dtype=np.int64)
    counts[8:18] = 4
    google = {"provider": "gcp", "resource_id": "projects/p/zones/us-central1-a/instances/1"}
    tags = {"created-by": "projects/1/regions/us-central1/instanceGroupManagers/web"}
    command, terraform = replica_commands(make_subject(**google, tags=tags), counts, "UTC")
    assert "update-autoscaling web --region us-central1 --project p " in command
    assert "--zone" not in command
    assert terraform is not None
    assert terraform.startswith('resource "google_compute_region_autoscaler" "web"')
    tags = {"goog-k8s-cluster-name": "c", "goog-k8s-node-pool-name": "l4", "goog-k8s-cluster-location": "us-central1"}
    command, terraform = replica_commands(make_subject(**google, tags=tags), counts, "UTC")
    assert "instance-groups" not in command
    assert "# 4 from cron 0 8 * * MON: set the size of c/l4 by Cloud Scheduler" in command
    assert "gcloud container node-pools describe l4 --cluster c --location us-central1 --project p" in command
    assert terraform is None


def test_a_scale_set_has_a_profile_for_each_size(make_subject: Make) -> None:
    counts = np.ones(168, dtype=np.int64)
    counts[8:18] = 4
    _, terraform = replica_commands(
        make_subject(provider="azure", resource_id=f"{SCALE_SET}/virtualMachines/0"), counts, "UTC"
    )
    assert terraform == (
        "# TIMEZONE is Windows' name of UTC\n"
        'resource "azurerm_monitor_autoscale_setting" "web" {\n'
        "  profile {\n"
        '    name = "1-from-0"\n\n'
        "    capacity {\n      default = 1\n      minimum = 1\n      maximum = 4\n    }\n\n"
        '    recurrence {\n      timezone = "TIMEZONE"\n      days     = ["Monday"]\n'
        "      hours    = [18]\n      minutes  = [0]\n    }\n"
        "  }\n\n"
        "  profile {\n"
        '    name = "4-from-1"\n\n'
        "    capacity {\n      default = 4\n      minimum = 4\n      maximum = 4\n    }\n\n"
        '    recurrence {\n      timezone = "TIMEZONE"\n      days     = ["Monday"]\n'
        "      hours    = [8]\n      minutes  = [0]\n    }\n"
        "  }\n}"
    )


def test_more_sizes_than_azure_takes_are_no_block(make_subject: Make) -> None:
    """Azure's autoscale takes 20 profiles: of another size in each of 20 hours a day there is a block, of 21 none."""
    machine = make_subject(provider="azure", resource_id=f"{SCALE_SET}/virtualMachines/0")
    for sizes, is_taken in ((20, True), (21, False)):
        counts = np.tile(np.minimum(np.arange(24), sizes - 1) + 1, 7)
        command, terraform = replica_commands(machine, counts, "UTC")
        assert command.count(": a recurrence profile of its autoscale setting") == sizes
        assert (terraform is not None) is is_taken
        assert ("it takes 20 profiles, and these are 21" in command) is not is_taken
