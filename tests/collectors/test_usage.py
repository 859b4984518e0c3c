"""Inference usage from files: token for token, every request once, whatever the order, the files or the form."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.schema import inference_hour, inference_request, rejected_row
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.telemetry_load import TelemetryReport
from collectors.files.usage import import_usage
from tests.conftest import SOAK

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = "timestamp,request_id,model,uncached_input_tokens,output_tokens"


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def at(minutes: float) -> str:
    return (NINE + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(inference_hour).order_by("hour", "model", "team", "unit_class")))


def quantities(store: Store) -> dict[tuple[int, str], int]:
    found: Counter[tuple[int, str]] = Counter()
    for row in facts(store):
        found[row.hour.hour, row.unit_class] += row.quantity
    return dict(found)


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock):
    def imported(*paths: Path, **options: Any) -> TelemetryReport:
        return import_usage(paths, database, store_settings, clock, **options)

    return imported


def test_an_hour_by_hand(run, database: Store, tmp_path: Path) -> None:
    header = (
        "timestamp,request_id,provider,account,region,endpoint,resource_id,model,team,service_tier,uncached_input_tokens,"
        "cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,latency_ms"
    )
    names = "AWS,1234,us-east-1,chat,I-0AB,claude-3-5-sonnet-20241022,search,Standard"
    lines = [f"{at(1)},a,{names},100,50,5,20,7,400", f"{at(2)},b,{names},10,0,0,2,0,200"]

    report = run(write(tmp_path / "a.csv", lines, header), source="gateway")

    rows = facts(database)
    assert {row.unit_class: int(row.quantity) for row in rows} == {
        "requests": 2, "input": 110, "cached_input": 50, "cache_write": 5, "output": 22, "reasoning": 7,
    }  # fmt: skip
    first = rows[0]
    assert (first.hour, first.namespace, first.alias, first.provider) == (NINE, "gateway", "i-0ab", "aws")
    assert (first.account, first.region, first.endpoint, first.team) == ("1234", "us-east-1", "chat", "search")
    assert (first.model, first.service_tier) == ("claude-3.5-sonnet", "standard")
    latency = {row.unit_class: (row.latency_p50_ms, row.latency_p95_ms) for row in rows}
    assert latency["requests"] == pytest.approx((300, 390))  # between 200 and 400
    assert latency["output"] == (None, None)
    assert report.totals["input"] == 110
    with database.engine.connect() as connection:
        kept = connection.execute(select(inference_request).order_by("request_id")).all()
    assert {row.request_id for row in kept} == {hashlib.sha256(name).hexdigest() for name in (b"a", b"b")}
    assert {row.namespace for row in kept} == {"gateway"}


@pytest.mark.parametrize(
    ("lines", "p95"),
    [
        (["1,,250", "3,,250"], None),  # one value for three requests is no percentile of them
        (["1,,250", "1,600,250"], 250.0),
        (["0,,100", "1,,300"], 290.0),  # what failed took its time too
    ],
)
def test_one_latency_of_several_requests_is_no_percentile(
    run, database: Store, tmp_path: Path, lines: list[str], p95: float | None
) -> None:
    rows = [f"{at(1)},{count},{period},5,{latency}" for count, period, latency in (line.split(",") for line in lines)]
    run(write(tmp_path / "a.csv", rows, "timestamp,requests,period_seconds,output_tokens,latency_ms"))
    (found,) = (row for row in facts(database) if row.unit_class == "requests")
    assert (found.latency_p50_ms, found.latency_p95_ms) == (200.0 if "100" in lines[0] else 250.0, p95)


def test_unknown_is_not_zero(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(0)},a,,5,", f"{at(0)},b,null,0,"]))

    assert quantities(database) == {(9, "requests"): 2, (9, "input"): 5}
    assert {row.model for row in facts(database)} == {None}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("a,,,", {"requests": 1}),
        (",,,", {"requests": 1}),
        (",60,,", {}),
        (",60,7,2", {"requests": 7, "failed_requests": 2}),
        ("a,,,1", {"requests": 0, "failed_requests": 1}),
    ],
)
def test_what_a_row_counts_as(run, database: Store, tmp_path: Path, cells: str, expected: dict[str, int]) -> None:
    header = "timestamp,request_id,period_seconds,requests,failed_requests,output_tokens"
    run(write(tmp_path / "a.csv", [f"{at(0)},{cells},3"], header))

    assert quantities(database) == {(9, unit): value for unit, value in (expected | {"output": 3}).items()}


def test_an_aggregate_over_several_hours_is_divided_exactly(run, database: Store, tmp_path: Path) -> None:
    """10 tokens over 09:30 to 12:00: half an hour, an hour, an hour: 2, 4, 4. 11: ideal 2.2, 4.4, 4.4 → 2, 5, 4."""
    header = "timestamp,period_seconds,uncached_input_tokens,output_tokens"

    run(write(tmp_path / "a.csv", [f"{at(30)},9000,10,11"], header))

    assert quantities(database) == {
        (9, "input"): 2, (10, "input"): 4, (11, "input"): 4, (9, "output"): 2, (10, "output"): 5, (11, "output"): 4,
    }  # fmt: skip


def test_an_aggregate_of_exactly_an_hour_stays_in_it(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(0)},3600,10"], "timestamp,period_seconds,output_tokens"))

    assert quantities(database) == {(9, "output"): 10}


@hypothesis_settings(max_examples=300 if SOAK else 6)
@given(data=st.data())
def test_dividing_conserves_and_order_and_files_change_nothing(
    run, database: Store, tmp_path: Path, data: st.DataObject
) -> None:
    header = "timestamp,period_seconds,request_id,model,output_tokens"
    row = st.tuples(st.integers(0, 600), st.integers(1, 40_000), st.sampled_from("xyz"), st.integers(0, 10**15))
    aggregates = [
        f"{at(minute)},{period},,{model},{tokens}" for minute, period, model, tokens in data.draw(st.lists(row))
    ]
    single = st.tuples(st.integers(0, 600), st.integers(0, 9), st.integers(0, 10**6))
    requests = [f"{at(minute)},,id-{number},m,{tokens}" for minute, number, tokens in data.draw(st.lists(single))]
    lines = [*aggregates, *requests, f"{at(0)},60,,x,1"]

    def load(*parts: list[str]) -> list[Any]:
        with database.engine.begin() as connection:
            connection.execute(text("TRUNCATE inference_hour, inference_request, load, slice"))
        run(*(write(tmp_path / f"{number}.csv", part, header) for number, part in enumerate(parts)))
        return [row[1:] for row in facts(database)]

    whole = load(lines)
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines) - 1))

    assert load(shuffled[:cut], shuffled[cut:]) == whole
    firsts = {line.split(",")[2]: line for line in sorted(requests, key=_first_counts, reverse=True)}
    expected = sum(int(line.rsplit(",", 1)[1]) for line in [*aggregates, *firsts.values()]) + 1
    assert sum(row.quantity for row in facts(database) if row.unit_class == "output") == expected


def _first_counts(line: str) -> tuple[str, int]:
    cells = line.split(",")
    return cells[0], int(cells[4])


# ------------------------------------------------------------------------------------ counted once


def test_a_repeated_request_counts_once_within_and_across_files(run, database: Store, tmp_path: Path) -> None:
    report = run(write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(1)},a,m,1,2", f"{at(1)},b,m,1,2"]))
    assert "1 rows repeat a request_id; each request counts once." in report.notes
    assert quantities(database)[9, "requests"] == 2

    report = run(write(tmp_path / "b.csv", [f"{at(0)},b,m,1,2", f"{at(70)},a,m,1,2", f"{at(70)},c,m,1,2"]))

    assert quantities(database) == {
        (9, "requests"): 2, (9, "input"): 2, (9, "output"): 4, (10, "requests"): 1, (10, "input"): 1, (10, "output"): 2,
    }  # fmt: skip
    assert any(note.startswith("2 requests were counted by an earlier import") for note in report.notes)


def test_the_same_file_twice_changes_nothing(run, database: Store, tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(1)},,m,3,4"])
    second = write(tmp_path / "b.csv", [f"{at(0)},b,m,1,2"])
    run(first)
    before = facts(database)
    assert run(first).outcome == "unchanged"
    run(second)
    run(first)

    after = quantities(database)
    assert after == {(9, "requests"): 3, (9, "input"): 5, (9, "output"): 8}
    assert len(before) == 6


def test_a_corrected_aggregate_replaces_its_series_only(run, database: Store, tmp_path: Path) -> None:
    header = "timestamp,period_seconds,model,team,output_tokens"
    lines = [f"{at(60 * hour)},3600,{model},{team},10" for hour in range(3) for model in "xy" for team in ("a", "")]
    run(write(tmp_path / "a.csv", lines, header))

    run(write(tmp_path / "a.csv", [f"{at(0)},3600,x,,7", f"{at(60)},3600,x,,8"], header))

    found = {(row.hour.hour, row.model, row.team): int(row.quantity) for row in facts(database)}
    assert len(found) == 12
    assert {key: value for key, value in found.items() if value != 10} == {(9, "x", None): 7, (10, "x", None): 8}


def test_wrong_requests_are_corrected_with_replace(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(-600)},b,m,5,5"]))
    corrected = write(tmp_path / "a.csv", [f"{at(0)},a,m,100,2"])
    run(corrected)
    assert quantities(database)[9, "input"] == 1

    run(corrected, replace=True)

    assert quantities(database) == {
        (9, "requests"): 1, (9, "input"): 100, (9, "output"): 2, (23, "requests"): 1, (23, "input"): 5,
        (23, "output"): 5,
    }  # fmt: skip


def test_request_ids_of_two_sources_are_apart(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},1,m,1,2"])
    run(path, source="one")
    run(path, source="two")

    assert quantities(database)[9, "requests"] == 2


# ------------------------------------------------------------------------------------ people and errors


def test_prompts_answers_and_users_are_never_kept(run, database: Store, tmp_path: Path) -> None:
    rows = [
        {
            "timestamp": at(n),
            "request_id": str(n),
            "output_tokens": 5,
            "user": "ann@example.com",
            "prompt": "SECRET WORDS",
        }
        for n in range(300)
    ]
    rows[3]["output_tokens"] = -5
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), '{"prompt": "SECRET WORDS"', '{"colour": 1}']))

    report = run(path)

    assert any("never read, because it may tell about people: prompt, user" in note for note in report.notes)
    assert any("columns not in the form, not read: colour" in note for note in report.notes)
    with database.engine.connect() as connection:
        tables = [
            name for (name,) in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        ]
        everything = " ".join(
            str(row) for name in tables for row in connection.execute(text(f"SELECT to_jsonb(t) FROM {name} AS t"))
        )
        kept = connection.execute(select(rejected_row).order_by("line")).all()
    assert "SECRET" not in everything
    assert "ann@example.com" not in everything
    assert [(row.line, row.column_name, row.value) for row in kept] == [
        (4, "output_tokens", "-5"), (301, None, None), (302, "timestamp", None),
    ]  # fmt: skip


def test_reasoning_is_part_of_the_output(run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},5,6"] * 9, "timestamp,output_tokens,reasoning_tokens")

    with pytest.raises(InputError, match="9 of 9 rows") as raised:
        run(path)

    assert "column reasoning_tokens: 6 exceeds output_tokens" in raised.value.where


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "1e30", "inf"])
def test_counts_are_whole(run, tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},{value}"] * 9, "timestamp,output_tokens")

    with pytest.raises(InputError, match="9 of 9 rows") as raised:
        run(path)

    assert f"output_tokens: {value} is no whole number" in raised.value.where


def test_large_counts_keep_every_digit(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(0)},9007199254740993", f"{at(0)},12.0"], "timestamp,output_tokens"))

    assert quantities(database)[9, "output"] == 9007199254741005


# ------------------------------------------------------------------------------------ inference servers


def scrape(
    at_minute: float, prompt: int, hits: int, output: int, stop: int, abort: int = 0, model: str = "m-8b"
) -> str:
    labels = f'model_name="{model}",engine="0"'
    return (
        f"# scraped_at {at(at_minute)}\n# TYPE vllm:prompt_tokens_total counter\n"
        f"vllm:prompt_tokens_total{{{labels}}} {prompt}.0\nvllm:prefix_cache_hits_total{{{labels}}} {hits}.0\n"
        f"vllm:generation_tokens_total{{{labels}}} {output}.0\n"
        f'vllm:request_success_total{{{labels},finished_reason="stop"}} {stop}.0\n'
        f'vllm:request_success_total{{{labels},finished_reason="abort"}} {abort}.0\n'
    )


def test_usage_is_the_difference_of_two_scrapes(run, database: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "1.prom", tmp_path / "2.prom"
    first.write_text(scrape(0, 1000, 100, 500, 10))
    second.write_text(scrape(30, 1600, 300, 900, 14, 1) + scrape(45, 50, 20, 40, 2))  # restarted before 09:45

    run(first, second)

    assert quantities(database) == {
        (9, "requests"): 4 + 2, (9, "failed_requests"): 1, (9, "input"): 400 + 30, (9, "cached_input"): 200 + 20,
        (9, "output"): 400 + 40,
    }  # fmt: skip


def test_one_scrape_holds_no_usage(run, public_data: Path) -> None:
    folder = public_data / "util_dcgm_vllm_scrapes"
    (vllm,) = folder.glob("*.vllm.prom")

    with pytest.raises(InputError, match="one instant only"):
        run(vllm, at=NINE)
    with pytest.raises(InputError, match="no token counters"):
        run(next(folder.glob("*.dcgm.prom")), at=NINE)


def test_a_real_vllm_scrape_twice(run, database: Store, public_data: Path, tmp_path: Path) -> None:
    (vllm,) = (public_data / "util_dcgm_vllm_scrapes").glob("*.vllm.prom")
    now = vllm.read_text()
    path = tmp_path / "a.prom"
    path.write_text(f"# scraped_at {at(0)}\n{now}\n# scraped_at {at(10)}\n{now}")

    run(path)

    assert set(quantities(database).values()) == {0}
    assert {row.unit_class for row in facts(database)} >= {"requests", "input", "output"}


# ------------------------------------------------------------------------------------ real data


@pytest.mark.parametrize(
    ("name", "requests", "tokens_in", "tokens_out"),
    [("code.csv", 8_819, 18_059_974, 245_896), ("conv.csv.gz", 19_366, 22_361_870, 4_088_665)],
)
def test_an_hour_of_azure_requests(
    run, database: Store, public_data: Path, tmp_path: Path, name: str, requests: int, tokens_in: int, tokens_out: int
) -> None:
    source = public_data / "llm_azure_2023" / f"AzureLLMInferenceTrace_{name}"
    content = gzip.decompress(source.read_bytes()) if name.endswith("gz") else source.read_bytes()
    header = b"TIMESTAMP,ContextTokens,GeneratedTokens"
    assert content.startswith(header)
    path = tmp_path / "requests.csv"
    path.write_bytes(content.replace(header, b"timestamp,uncached_input_tokens,output_tokens", 1))

    report = run(path)

    expected = {"requests": requests, "input": tokens_in, "output": tokens_out}
    assert report.totals == expected
    assert sum(quantities(database).values()) == sum(expected.values())
    assert report.rows_rejected == 0


def test_image_requests_with_failures(run, database: Store, public_data: Path, tmp_path: Path) -> None:
    """GenTD26: 26,823 requests over three weeks, of which 398 failed, 30 were pending and 3 in work."""
    source = public_data / "util_alibaba_gentd26" / "lora_request_trace.csv.gz"
    path = tmp_path / "requests.csv"
    failed = 0
    with gzip.open(source, "rt") as read, path.open("w") as out:
        next(read)
        out.write("timestamp,model,failed_requests,latency_ms\n")
        for line in read:
            cells = line.rstrip("\n").split(",")
            bad = int(cells[2] != "SUCCEED")
            failed += bad
            latency = float(cells[3]) * 1000 if cells[3] else ""
            out.write(f"{cells[0]},{cells[9]},{bad},{latency}\n")

    report = run(path)

    assert failed == 431
    assert report.totals == {"requests": 26_823 - 431, "failed_requests": 431}
    assert any("without a zone" in note for note in report.notes)
