"""The reviewed rules: each decides its examples, none of its counter-examples, and none is dead."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from aispend.prices.accelerators import accelerators
from aispend.prices.classify import RULES_VERSION, Rule, SkuDescription, classify, rules
from aispend.prices.data import read_toml
from aispend.settings import STAGES

KEYS = {
    "name", "provider", "service", "category", "resource_type", "usage", "text", "without", "needs", "ai", "platform",
    "stage", "accelerators", "unit_class", "example", "counter",
}  # fmt: skip


def _named(rule: Rule) -> str:
    return rule.name


@pytest.mark.parametrize("rule", rules(), ids=_named)
def test_a_rule_decides_its_examples(rule: Rule) -> None:
    """First match wins, so a rule that an earlier one shadows fails here."""
    assert rule.examples
    assert {classify(example).ai_rule for example in rule.examples} == {rule.name}


@pytest.mark.parametrize("rule", rules(), ids=_named)
def test_a_rule_leaves_its_counter_examples(rule: Rule) -> None:
    """A counter-example may be AI spend by another rule, never by this one."""
    assert rule.counters
    assert rule.name not in {classify(counter).ai_rule for counter in rule.counters}


@pytest.mark.parametrize("rule", rules(), ids=_named)
def test_a_rule_says_what_it_decides(rule: Rule) -> None:
    """AI spend has a platform; the stage is one that exists; what is not AI says nothing more."""
    assert rule.ai == (rule.platform is not None)
    assert rule.stage is None or rule.stage in STAGES
    assert rule.accelerators in {None, "machine", "device", "host", "kind"}
    assert rule.needs in {None, "machine", "device", "tokens"}


def test_the_file_has_no_unknown_keys_and_no_repeated_names() -> None:
    """A misspelt key would silently widen a rule."""
    entries = read_toml("ai_spend.toml")["rule"]

    assert {key for entry in entries for key in entry} <= KEYS
    assert len({entry["name"] for entry in entries}) == len(entries) > 50


def test_version_in_code_is_the_files() -> None:
    """Who changes the rules changes the version, or answers stored under it would lie."""
    assert read_toml("ai_spend.toml")["version"] == RULES_VERSION
    assert date.fromisoformat(RULES_VERSION.partition(".")[0]) >= date(2026, 11, 21)


def test_no_rule_calls_a_general_purpose_line_ai() -> None:
    """The everyday lines of three clouds."""
    plain = [
        SkuDescription("aws", "Amazon Simple Storage Service", x_usage_type="TimedStorage-ByteHrs"),
        SkuDescription("aws", "AWS Glue", x_usage_type="CAN1-Catalog-Request", charge_description="per request"),
        SkuDescription("aws", "AWS Key Management Service", x_usage_type="us-east-1-KMS-Requests"),
        SkuDescription("aws", "Amazon Relational Database Service", x_usage_type="InstanceUsage:db.g4dn.xlarge"),
        SkuDescription("aws", "Amazon Elastic Compute Cloud", x_usage_type="BoxUsage:g.large"),
        SkuDescription("aws", "AmazonEC2", x_usage_type="EBS:VolumeUsage.gp3", charge_description="gp3 for g5.xlarge"),
        SkuDescription("gcp", "Compute Engine", charge_description="Storage PD Capacity, gemini-a2 project"),
        SkuDescription("gcp", "Compute Engine", charge_description="N1 Predefined Instance Ram running in Americas"),
        SkuDescription("gcp", "Cloud SQL", charge_description="Cloud SQL for PostgreSQL: vCPU in a3 zone"),
        SkuDescription("azure", "Virtual Machines", sku_meter="D2s v5", charge_description="Dsv5 Series - D2s v5"),
        SkuDescription("azure", "Storage Accounts", sku_meter="NV6 LRS Data Stored"),
        SkuDescription("oci", "COMPUTE", charge_description="Compute - Standard - E4 - Memory"),
        SkuDescription("datadog", "Infrastructure", charge_description="GPU monitoring hosts"),
        SkuDescription("aws"),
    ]

    assert [sku for sku in plain if classify(sku).is_ai] == []


def test_every_accelerator_a_rule_can_give_is_in_the_catalogue() -> None:
    """A name without facts could not be priced, sized or carried over to another."""
    given = {classify(example).accelerator_type for rule in rules() for example in rule.examples} - {None}

    assert given
    assert given <= set(accelerators())


def test_the_documentation_lists_every_rule() -> None:
    """A reader of the page sees all of them, with their platform, in their order."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "ai-spend.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| (?:yes|no) \| ([a-z_]*) \|", page, re.MULTILINE)

    assert listed == [(rule.name, rule.platform or "") for rule in rules()]
