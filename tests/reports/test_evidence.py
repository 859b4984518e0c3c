"""Evidence in words: every item with its unit, replays as a sentence, and never the way a program keeps it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.evidence import in_words, measured, other_evidence, replay_sentence


@pytest.mark.parametrize(
    ("evidence", "bound", "sentence"),
    [
        (
            {"replay": {"hours": 168, "violation_minutes": 0, "worst_overload": None}},
            Decimal("0.018"),
            "On 168 held-out hours it would have been over capacity for 0 minutes; "
            "at most 1.8 % of hours at 95\u00a0%.",
        ),
        (
            {"replay_hours": 336, "replay_violation_minutes": 90, "replay_worst_overload": 0.25},
            None,
            "On 336 held-out hours it would have been over capacity for 90 minutes; "
            "at worst 25.0 % more was asked than there would have been.",
        ),
        (
            {
                "replay": {
                    "tried": 4,
                    "wrong": 1,
                    "violation_bound": 0.7514,
                    "of": "checkpoints unread for 90 days",
                    "wrong_where": "read afterwards",
                }
            },
            Decimal("0.7514"),
            "Tried on 4 checkpoints unread for 90 days: 1 read afterwards; at most 75.1 % of such at 95\u00a0%.",
        ),
        ({"replay": {"tried": 0, "wrong": 0, "of": "runs", "wrong_where": "gained"}}, None, None),
        (
            {"replay": {"hours": 336, "violation_minutes": 70}, "wait_minutes": 120},
            Decimal("0.064"),
            "On 336 hours of its past somebody would have waited for a start 70 minutes; "
            "at most 6.4 % of hours at 95\u00a0%.",
        ),
        (
            {
                "replay": {
                    "hours": 720,
                    "effective_savings_rate": 0.22,
                    "utilisation": 0.96,
                    "hours_not_fully_used": 30,
                }
            },
            Decimal("0.1"),
            "On 720 later hours 96.0 % of it would have been used, saving 22.0 % of the on-demand price; "
            "30 hours would not have used all of it.",
        ),
        (
            {"replay": {"hours": 48, "violation_minutes": None, "low_evidence": True}},
            None,
            "It was replayed on 48 held-out hours; what they lacked is unknown. "
            "The history is short, so this says little.",
        ),
        (
            {"replay": {"hours": 336, "violation_minutes": 0}, "hours_on": 4},
            Decimal("0.045"),
            "On 336 held-out hours it would have been off while it worked for 0 minutes; "
            "at most 4.5 % of hours at 95\u00a0%.",
        ),
        (
            {
                "replay": {
                    "hours": 504,
                    "violation_minutes": 2880,
                    "outbid": 2,
                    "interruptions_expected": 84.0,
                    "worst_overload": 0.1385,
                }
            },
            Decimal("0.119"),
            "On 504 held-out hours of its prices spot would have cost more than on demand for 2,880 minutes, in 2 "
            "stretches; some 84 interruptions are expected in the others; at most 11.9 % of hours at 95\u00a0%.",
        ),
        ({"coverage": 1}, Decimal("0.1"), None),
    ],
)
def test_a_replay_is_a_sentence(evidence: dict[str, Any], bound: Decimal | None, sentence: str | None) -> None:
    assert replay_sentence(evidence, bound) == sentence


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (
            {"tokens": {"input": "901544210.000", "cache_write": "2.5"}},
            ("Tokens in the time looked at", "input 901.5 M, cache write 2.5"),
        ),
        ({"cost": {"input": "124.4", "output": "91"}}, ("Cost in the time looked at", "input 124.40, output 91.00")),
        ({"lost_cost": "1485.47"}, ("Lost cost in the time looked at", "1,485.47")),
        ({"most_spared_monthly": "605.13"}, ("Most spared monthly", "605.13")),
        (
            {
                "largest": [
                    {"run": "ranker-0", "lost_hours": 25, "lost_cost": "386.84"},
                    {"run": "b", "lost_hours": None},
                ]
            },
            ("Largest", "run ranker-0, lost 25 hours, lost cost 386.84; run b, lost unknown"),
        ),
        ({"repeated_share": [0.3, 0.3198, 0.9]}, ("Repeated share", "30.0 %, 32.0 %, 90.0 %")),
        ({"snapshot_price_checked": "2026-11-21"}, ("Snapshot price checked", "2026-11-21")),
        ({"last_listed": "2026-11-21T17:25:00+00:00"}, ("Last listed", "2026-11-21 17:25 UTC")),
        ({"memory_per_machine_bytes": 33715493273}, ("Memory per machine", "31.4 GiB")),
        ({"api_cost": "418.88"}, ("API cost", "418.88")),
        ({"month_end_seen": False}, ("Month end seen", "no")),
        ({"stage": "inference_online"}, ("Stage", "inference online")),
        ({"commitment_id": "012345678901"}, ("Commitment id", "012345678901")),
        ({"price_per_gb": "0.02"}, ("Price per GB", "0.02")),
        ({"resources": []}, ("Resources", "none")),
        ({"price_currency": "EUR"}, ("Prices in", "EUR")),
        ({"loss_share": "not recorded"}, ("Loss share", "not recorded")),
    ],
)
def test_what_has_no_words_of_its_own_is_said_by_its_name_and_unit(
    evidence: dict[str, Any], said: tuple[str, str]
) -> None:
    assert list(in_words(evidence)) == [said]


def test_each_number_says_what_it_is_of() -> None:
    """Percentiles of hours are no percentiles of requests, and what stood empty on a day is not of a month."""
    evidence = {
        "latency_mean_ms": None, "latency_p50_ms": 1, "latency_p95_ms": 2140.5, "unused_cost_least": "24",
        "unused_cost_most": "48", "break_even_tokens": "14744000000",
    }  # fmt: skip
    assert dict(in_words(evidence)) == {
        "Latency, mean": "unknown",
        "Latency, median of hourly medians": "1 ms",
        "Latency, median of hourly 95th percentiles": "2,140 ms",
        "Stood empty on a day, at least": "24.00",
        "Stood empty on a day, at most": "48.00",
        "Tokens a month above which serving oneself is cheaper": "14.7 G",
    }


@pytest.mark.parametrize(
    ("evidence", "value"),
    [
        ({"machines_that_stay": {"i-087b195048a775249": "kept"}}, "i-087b195048a775249 kept"),
        ({"machines_that_stay": {"Standard_NC24ads_A100_v4": "busy"}}, "Standard_NC24ads_A100_v4 busy"),
        ({"largest": [{"run": "4711", "ending": "given_up"}]}, "run 4711, ending given up"),
        ({"largest": [{"run": "1234567", "lost_hours": 1.5}]}, "run 1234567, lost 1.5 hours"),
        ({"largest": [{"run": "nightly_train"}]}, "run nightly_train"),
        ({"groups": ["ml_group", "20261101"]}, "ml_group, 20261101"),
        ({"resources": ["vm_a"]}, "vm_a"),
        ({"placed": [["chat 0", "2026"], ["embed_v2 0"]]}, "chat 0, 2026; embed_v2 0"),
        ({"tokens": {"cache_write": 5}}, "cache write 5"),
    ],
)
def test_a_name_is_said_as_people_know_it(evidence: dict[str, Any], value: str) -> None:
    """A run is often a number of its scheduler, a group or model often has a line below; and which machine holds what
    is told apart."""
    ((_, said),) = in_words(evidence)
    assert said == value


def test_what_has_a_unit_is_said_with_it() -> None:
    """0.9995 of the time is not always, and an amount has its cents."""
    evidence = {
        "load_needed": 0.4928, "load_on_one_needed": 0.31,
        "expected_value_lower_quartile": "8004.5", "availability": 0.999512,
        "shortfall": 0.000412, "fallback_on_demand": 0.0412, "total": "12000", "drawn": "3000.5", "per_day": "41.1",
        "needed_per_day": "90", "lost": "1234.56", "monthly_cost_now": "95.43", "monthly_cost_colder": "12.34",
        "readings_to_come": "3.21", "account_object_storage_growth_percent": "-2.10",
    }  # fmt: skip
    assert dict(in_words(evidence)) == {
        "Load it has to carry": "0.49 accelerators' worth",
        "Load it has to carry on one card": "0.31 accelerators' worth",
        "Worth a month less what overload would cost, lower quartile": "8,004.50",
        "A machine on spot is there": "99.951 % of the time",
        "Too few are there on spot": "0.041 % of the time",
        "On demand instead, on average": "0.0412 machines",
        "Paid for in all": "12,000.00",
        "Used so far": "3,000.50",
        "Used a day": "41.10",
        "A day that would use it up": "90.00",
        "Lost at its end": "1,234.56",
        "Costs a month now": "95.43",
        "Would cost a month": "12.34",
        "Readings to come": "3.21",
        "Account object storage growth": "-2.1 %",
    }


def test_a_price_of_tokens_says_of_how_many() -> None:
    evidence = {
        "price_currency": "USD",
        "api_prices": {"input": "0.15", "output": "0.2"},
        "list_prices": {"gpt-4o": {"input": "2.5", "output": "10"}},
        "price_per_million": {"input": "0.069"},
        "api_cost_per_million": "0.1573",
        "own_cost_per_million": "0.9455",
        "api_monthly_cost": "909.18",
        "own_monthly_cost": "5465.5",
    }
    assert dict(in_words(evidence)) == {
        "Prices in": "USD",
        "List prices of the API, per million tokens": "input 0.1500, output 0.2000",
        "List prices, per million tokens": "gpt-4o input 2.500, output 10.00",
        "Paid per million tokens": "input 0.06900",
        "Its tokens at the API, per million": "0.1573",
        "Its tokens on own machines, per million": "0.9455",
        "Its tokens at the API, a month": "909.18",
        "Its tokens on own machines, a month": "5,465.50",
    }


@pytest.mark.parametrize(
    ("load", "said"), [(0, "0.00"), (0.0033, "0.0033"), (0.00004, "0.00004"), (0.005, "0.005"), (0.49, "0.49")]
)
def test_a_small_load_is_not_said_to_be_none(load: float, said: str) -> None:
    """0.33 % of one accelerator is work; beside it stands how active it was at most, 0.3 %."""
    assert list(in_words({"load_max": load})) == [("Load at most", f"{said} accelerators' worth")]


def test_what_is_easy_to_get_back_is_not_said_to_be_hard() -> None:
    assert list(in_words({"hard_to_regain": None})) == []
    assert list(in_words({"hard_to_regain": "scarce"})) == [("Why it may be hard to get back", "scarce")]


def test_what_has_a_column_is_not_said_twice() -> None:
    evidence = {"coverage": 1, "weeks": 4, "timezone": "UTC", "note": "two\nlines"}
    assert other_evidence(evidence, ("coverage",)) == "Weeks looked at: 4; Note: two lines; Timezone: UTC"
    assert other_evidence(evidence, tuple(evidence)) is None
    assert list(measured({"replay": {"hours": 1}, "replay_hours": 1, "terraform": "x"})) == []


@given(
    st.dictionaries(
        st.text("abc_", min_size=1),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inside: (
                st.lists(inside, max_size=3) | st.dictionaries(st.text("abc_", min_size=1), inside, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_whatever_a_kind_brings_is_shown(evidence: dict[str, Any]) -> None:
    """One line for each item, whatever it is; what a list holds is not shown as a program writes it."""
    shown = list(in_words(evidence))
    assert len(shown) == len(evidence)
    for (_, value), held in zip(shown, (evidence[key] for key in sorted(evidence)), strict=True):
        assert isinstance(held, str) or value not in ("None", "[]", "{}", "True", "False")


def test_a_commitment_s_evidence_says_of_what_and_in_which_unit() -> None:
    """No range is told where the weeks do not differ: it is not unknown."""
    found = dict(
        in_words(
            {
                "price_currency": "USD",
                "stages": ["1.20", "1.20"],
                "first_stage_saves": {"net": "584.00", "p10": None, "p50": None, "p90": None},
                "commitment_hourly": "2.40",
                "covers_hourly": "4.00",
                "optimum_hourly": "2.40",
                "committed_rate": 0.6,
                "commitment_coverage": 0.6,
                "usage_max": "10.00",
                "usage_p10": "2.00",
                "usage_p50": "5.00",
                "usage_of_term_p10": None,
                "decided_monthly": "1825",
                "expiring": [{"ends": "2026-12-11T00:00:00+00:00", "hourly": "2.5", "commitment_id": "sp-9"}],
            }
        )
    )
    assert found == {
        "Prices in": "USD",
        "Bought in stages of": "1.200 an hour, 1.200 an hour",
        "First stage saves a month": "net 584.00",
        "Commitment, all stages": "2.400 an hour",
        "Use that it covers, at the on-demand price": "4.000 an hour",
        "Commitment that would have saved most": "2.400 an hour",
        "A committed hour costs, of one on demand": "60.0 %",
        "Share of the use it would have covered": "60.0 %",
        "Use on demand, at most": "10.00 an hour",
        "Use on demand, 10th percentile": "2.000 an hour",
        "Use on demand, median": "5.000 an hour",
        "Use over the term, P10 of its forecast": "unknown",
        "Accepted or done changes taken out": "1,825.00 a month",
        "Commitments that end soon": "ends 2026-12-11 00:00 UTC, hourly 2.500, commitment id sp-9",
    }
