"""The sample's utilization, usage and names fit what was billed."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tests.sample.conftest import EXACT, Ask


def test_tokens_times_price_are_the_api_charges(ask: Ask) -> None:
    counted = ask(
        """SELECT sum(uncached_input_tokens), sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens)
           FROM (SELECT * FROM usage UNION ALL BY NAME
                 SELECT DISTINCT ON (request_id) * FROM requests)
           WHERE model LIKE '%claude%'"""
    )[0]
    million = [Decimal(3), Decimal("0.3"), Decimal("3.75"), Decimal(15)]
    expected = sum(tokens * price / 10**6 for tokens, price in zip(map(int, counted), million, strict=True))
    billed = ask(f"SELECT sum(CAST(BilledCost AS {EXACT})) FROM aws WHERE ChargeDescription LIKE '%Claude Sonnet 4%'")
    assert billed == [(expected,)]


def test_no_machine_was_measured_longer_than_it_was_billed(ask: Ask) -> None:
    """Per name and accelerator: seconds sampled in the last sixty days against seconds billed."""
    longer = ask(
        """WITH sampled AS (SELECT resource_id AS alias, accelerator_index, sum(interval_seconds) AS seconds
                            FROM metrics GROUP BY ALL),
                billed AS (SELECT alias, sum(seconds) AS seconds FROM machines GROUP BY 1)
           SELECT * FROM sampled LEFT JOIN billed USING (alias) WHERE sampled.seconds > coalesce(billed.seconds, 0)"""
    )
    assert longer == []
    assert ask(
        "SELECT count(*) FROM metrics m WHERE resource_id NOT IN (SELECT alias FROM machines WHERE telemetry)"
    ) == [(0,)]
    assert ask("SELECT max(timestamp) - min(timestamp) > INTERVAL 59 DAY FROM metrics") == [(True,)]
    assert dict(ask("SELECT interval_seconds, count(DISTINCT timestamp::DATE) FROM metrics GROUP BY 1")) == {
        3600: 30,
        300: 30,
    }


def test_metrics_stay_within_what_can_be(ask: Ask) -> None:
    assert ask(
        """SELECT count(*) FROM metrics WHERE gpu_utilization NOT BETWEEN 0 AND 100 OR sm_active NOT BETWEEN 0 AND 1
           OR memory_used_bytes > memory_total_bytes OR memory_used_bytes < 0 OR power_watts < 0"""
    ) == [(0,)]
    doubled = ask(
        "SELECT 1 FROM metrics GROUP BY resource_id, accelerator_index, timestamp HAVING count(*) > 1 LIMIT 1"
    )
    assert doubled == []


def test_idle_things_are_idle_and_the_others_only_look_so(ask: Ask) -> None:
    states = dict(ask("SELECT fleet, state FROM verdicts WHERE state <> 'busy'"))
    assert states == {
        "moe-scratch": "idle",
        "old-notebook": "idle",
        "sentiment-v1": "idle",
        "returns-bot": "idle",
        "workbench": "idle",
        "code-pilot": "resident_idle",
        "image-search-old": "covered_idle",
        "assistant-dr": "keep",
        "weekly-forecast": "periodic",
        "catalog-infer": "oversized",
        "pricing-lab": "oversized",
        "style-embed": "oversized",
        "untagged-scraper": "unknown",
    }
    busy = dict(
        ask(
            """SELECT v.fleet, avg(CASE WHEN gpu_utilization > 1 THEN 1.0 ELSE 0.0 END)
               FROM metrics m JOIN verdicts v ON v.alias = m.resource_id
               WHERE interval_seconds = 300 AND v.state <> 'busy' GROUP BY 1"""
        )
    )
    for fleet in (
        "moe-scratch",
        "old-notebook",
        "sentiment-v1",
        "returns-bot",
        "code-pilot",
        "image-search-old",
        "assistant-dr",
    ):
        assert busy[fleet] == 0
    assert 0.01 < busy["weekly-forecast"] < 0.03
    assert "untagged-scraper" not in busy
    resident = ask(
        "SELECT min(memory_used_bytes / memory_total_bytes) > 0.8 FROM metrics WHERE resource_id = 'code-pilot-01'"
    )
    assert resident == [(True,)]
    two = ask(
        """SELECT count(DISTINCT accelerator_index) FILTER (gpu_utilization > 5), count(DISTINCT accelerator_index)
           FROM metrics WHERE resource_id = (SELECT alias FROM verdicts WHERE fleet = 'catalog-infer')"""
    )
    assert two == [(2, 8)]
    assert ask("SELECT sum(requests) FROM usage WHERE endpoint = 'sentiment-v1' AND timestamp >= '2026-10-08'") == [
        (0,)
    ]
    assert ask("SELECT count(*) > 0 FROM aws WHERE Tags['keep'] = 'disaster-recovery'") == [(True,)]


def test_some_instances_live_twenty_minutes(ask: Ask) -> None:
    lives = ask(
        """SELECT count(*), median(hours) * 60 FROM (SELECT ResourceId, sum(ConsumedQuantity) AS hours FROM aws
           WHERE Tags['aws:autoscaling:groupName'] = 'image-tagging-spot-asg' GROUP BY 1)"""
    )[0]
    assert lives[0] > 200
    assert lives[1] == pytest.approx(20, abs=1)
    assert ask("SELECT DISTINCT PricingCategory FROM aws WHERE SkuMeter LIKE 'SpotUsage%'") == [("Dynamic",)]


def test_names_are_reused_but_never_at_the_same_time(ask: Ask) -> None:
    reused = ask("SELECT alias FROM inventory GROUP BY 1 HAVING count(DISTINCT resource_id) > 1")
    assert len(reused) > 3
    overlaps = ask(
        """SELECT a.alias FROM inventory a JOIN inventory b ON a.alias = b.alias AND a.resource_id <> b.resource_id
           AND a.valid_from < coalesce(nullif(b.valid_to, ''), '9')
           AND b.valid_from < coalesce(nullif(a.valid_to, ''), '9')"""
    )
    assert overlaps == []
    known = Counter(how for (how,) in ask("SELECT known_from FROM names"))
    assert set(known) == {"bill", "inventory", "settings", "nowhere"}
    assert ask("SELECT count(*) FROM inventory WHERE alias LIKE 'nightly-eval%'") == [(0,)]


def test_single_requests_sum_to_the_hours_and_some_come_twice(ask: Ask) -> None:
    lines, distinct = ask("SELECT count(*), count(DISTINCT request_id) FROM requests")[0]
    assert 0 < lines - distinct < lines / 100
    assert ask("SELECT count(*) FROM usage WHERE endpoint = 'copy-writer' AND timestamp >= '2026-11-18'") == [(0,)]
    assert ask("SELECT count(DISTINCT timestamp::DATE) FROM requests WHERE endpoint = 'copy-writer'") == [(3,)]


def test_workloads_do_not_ask_for_more_than_the_node_has(ask: Ask) -> None:
    over = ask(
        """SELECT w.resource_id, w.timestamp FROM workloads w
           JOIN (SELECT DISTINCT alias FROM machines WHERE shared) s ON s.alias = w.resource_id
           GROUP BY ALL HAVING sum(accelerators_requested) > 4"""
    )
    assert over == []
    stages = {stage for (stage,) in ask("SELECT DISTINCT stage FROM workloads")}
    assert stages >= {"training", "fine_tuning", "evaluation", "inference_batch", "inference_online", "notebook"}
