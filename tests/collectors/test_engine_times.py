"""Prefill and decode times of inference servers: from rows and from scrapes, and what they make of a model's cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from analyzer.run import analyze
from collectors.files.usage import import_usage
from tests.analyzer.conftest import Ledger

D = Decimal


@pytest.fixture
def counted(database: Store, store_settings: Settings, clock: Clock, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Import a text; returns quantities by hour of the day and unit class."""

    def run(name: str, content: str) -> dict[tuple[int, str], int]:
        path = tmp_path / name
        path.write_text(content)
        import_usage([path], database, store_settings, clock)
        with database.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT extract(hour FROM hour AT TIME ZONE 'UTC'), unit_class, quantity FROM inference_hour")
            )
            return {(int(hour), unit_class): int(quantity) for hour, unit_class, quantity in rows}

    return run


def test_times_are_divided_over_hours_as_tokens_are(counted) -> None:
    """One row of two hours from 09:30: a quarter, a half and a quarter of 0.000003 s are 1, 1 and 1 microseconds."""
    found = counted(
        "usage.csv",
        "timestamp,period_seconds,resource_id,model,output_tokens,prefill_seconds,decode_seconds\n"
        "2026-10-05T09:30:00Z,7200,ep,llama,400,0.000003,8\n",
    )
    assert [found[hour, "decode_us"] for hour in (9, 10, 11)] == [2_000_000, 4_000_000, 2_000_000]
    assert sum(found[hour, "prefill_us"] for hour in (9, 10, 11)) == 3


def test_a_negative_time_is_refused(counted) -> None:
    found = counted(
        "usage.csv",
        "timestamp,request_id,model,output_tokens,decode_seconds\n"
        "2026-10-05T09:30:00Z,r-1,llama,4,-1\n2026-10-05T09:30:00Z,r-2,llama,4,0.5\n",
    )
    assert (found[9, "output"], found[9, "decode_us"], found[9, "requests"]) == (4, 500_000, 1)


def test_scrapes_of_vllm_tell_the_times_between_them(counted) -> None:
    def scrape(minute: int, prompt: int, output: int, prefill: str, decode: str) -> str:
        labels = '{model_name="m-8b",engine="0"}'
        return (
            f"# scraped_at 2026-10-05T09:{minute:02}:00Z\n"
            f"vllm:prompt_tokens_total{labels} {prompt}\nvllm:generation_tokens_total{labels} {output}\n"
            f"vllm:request_prefill_time_seconds_sum{labels} {prefill}\n"
            f"vllm:request_prefill_time_seconds_count{labels} 7\n"
            f"vllm:request_decode_time_seconds_sum{labels} {decode}\n"
        )

    found = counted("a.prom", scrape(0, 100, 10, "1.25", "2.5") + scrape(30, 300, 40, "2", "6.5"))
    assert found == {(9, "input"): 200, (9, "output"): 30, (9, "prefill_us"): 750_000, (9, "decode_us"): 4_000_000}


def test_imported_times_divide_the_cost_of_a_served_model(
    database: Store, store_settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    """T1.3: 42.50 for 12 and 3 million tokens, 2,840 s of prefill and 1,410 s of decode: 2.3667 and 4.70 a million."""
    ledger = Ledger(database, store_settings, clock)
    ledger.charge("2026-10-05", "42.50", resource_id="ep")
    ledger.usage({}, alias="ep")  # what the name means
    path = tmp_path / "usage.csv"
    path.write_text(
        "timestamp,period_seconds,resource_id,model,requests,uncached_input_tokens,output_tokens,prefill_seconds,"
        "decode_seconds\n"
        "2026-10-05T09:00:00Z,3600,ep,llama,10,8000000,1000000,2000,400\n"
        "2026-10-05T10:00:00Z,3600,ep,llama,10,4000000,2000000,840,1010\n"
    )
    import_usage([path], ledger.store, ledger.settings, ledger.clock)
    analyze(ledger.store.engine, ledger.settings, ledger.clock)
    ((input_cost, output_cost, inputs, outputs),) = ledger.rows(
        "SELECT input_cost, output_cost, input_tokens, output_tokens FROM unit_cost WHERE basis = 'allocation'"
    )
    assert (input_cost, output_cost) == (D("28.40"), D("14.10"))
    assert round(input_cost / inputs * 1_000_000, 4) == D("2.3667")
    assert output_cost / outputs * 1_000_000 == D("4.7")
