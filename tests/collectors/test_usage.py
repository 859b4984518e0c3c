"""Inference usage from files: token for token, every request once, whatever the order, the files or the form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from aispend.errors import InputError
from aispend.schema import inference_request, rejected_row
from aispend.store import Store
from tests.collectors.usage_lines import NINE, at, facts, quantities, write
from tests.conftest import SOAK


def test_an_hour_by_hand(read_usage, database: Store, tmp_path: Path) -> None:
    header = (
        "timestamp,request_id,provider,account,region,endpoint,resource_id,model,team,service_tier,uncached_input_tokens,"
        "cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,latency_ms"
    )
    names = "AWS,1234,us-east-1,chat,I-0AB,claude-3-5-sonnet-20241022,search,Standard"
    lines = [f"{at(1)},a,{names},100,50,5,20,7,400", f"{at(2)},b,{names},10,0,0,2,0,200"]

    report = read_usage(write(tmp_path / "a.csv", lines, header), source="gateway")

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
    read_usage, database: Store, tmp_path: Path, lines: list[str], p95: float | None
) -> None:
    rows = [f"{at(1)},{count},{period},5,{latency}" for count, period, latency in (line.split(",") for line in lines)]
    read_usage(write(tmp_path / "a.csv", rows, "timestamp,requests,period_seconds,output_tokens,latency_ms"))
    (found,) = (row for row in facts(database) if row.unit_class == "requests")
    assert (found.latency_p50_ms, found.latency_p95_ms) == (200.0 if "100" in lines[0] else 250.0, p95)


def test_unknown_is_not_zero(read_usage, database: Store, tmp_path: Path) -> None:
    read_usage(write(tmp_path / "a.csv", [f"{at(0)},a,,5,", f"{at(0)},b,null,0,"]))

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
def test_what_a_row_counts_as(
    read_usage, database: Store, tmp_path: Path, cells: str, expected: dict[str, int]
) -> None:
    header = "timestamp,request_id,period_seconds,requests,failed_requests,output_tokens"
    read_usage(write(tmp_path / "a.csv", [f"{at(0)},{cells},3"], header))

    assert quantities(database) == {(9, unit): value for unit, value in (expected | {"output": 3}).items()}


def test_an_aggregate_over_several_hours_is_divided_exactly(read_usage, database: Store, tmp_path: Path) -> None:
    """10 tokens over 09:30 to 12:00: half an hour, an hour, an hour: 2, 4, 4. 11: ideal 2.2, 4.4, 4.4 → 2, 5, 4."""
    header = "timestamp,period_seconds,uncached_input_tokens,output_tokens"

    read_usage(write(tmp_path / "a.csv", [f"{at(30)},9000,10,11"], header))

    assert quantities(database) == {
        (9, "input"): 2, (10, "input"): 4, (11, "input"): 4, (9, "output"): 2, (10, "output"): 5, (11, "output"): 4,
    }  # fmt: skip


def test_an_aggregate_of_exactly_an_hour_stays_in_it(read_usage, database: Store, tmp_path: Path) -> None:
    read_usage(write(tmp_path / "a.csv", [f"{at(0)},3600,10"], "timestamp,period_seconds,output_tokens"))

    assert quantities(database) == {(9, "output"): 10}


@hypothesis_settings(max_examples=300 if SOAK else 6)
@given(data=st.data())
def test_dividing_conserves_and_order_and_files_change_nothing(
    read_usage, database: Store, tmp_path: Path, data: st.DataObject
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
        read_usage(*(write(tmp_path / f"{number}.csv", part, header) for number, part in enumerate(parts)))
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


def test_a_repeated_request_counts_once_within_and_across_files(read_usage, database: Store, tmp_path: Path) -> None:
    report = read_usage(write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(1)},a,m,1,2", f"{at(1)},b,m,1,2"]))
    assert "1 rows repeat a request_id; each request counts once." in report.notes
    assert quantities(database)[9, "requests"] == 2

    report = read_usage(write(tmp_path / "b.csv", [f"{at(0)},b,m,1,2", f"{at(70)},a,m,1,2", f"{at(70)},c,m,1,2"]))

    assert quantities(database) == {
        (9, "requests"): 2, (9, "input"): 2, (9, "output"): 4, (10, "requests"): 1, (10, "input"): 1, (10, "output"): 2,
    }  # fmt: skip
    assert any(note.startswith("2 requests were counted by an earlier import") for note in report.notes)


def test_the_same_file_twice_changes_nothing(read_usage, database: Store, tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(1)},,m,3,4"])
    second = write(tmp_path / "b.csv", [f"{at(0)},b,m,1,2"])
    read_usage(first)
    before = facts(database)
    assert read_usage(first).outcome == "unchanged"
    read_usage(second)
    read_usage(first)

    after = quantities(database)
    assert after == {(9, "requests"): 3, (9, "input"): 5, (9, "output"): 8}
    assert len(before) == 6


def test_a_corrected_aggregate_replaces_its_series_only(read_usage, database: Store, tmp_path: Path) -> None:
    header = "timestamp,period_seconds,model,team,output_tokens"
    lines = [f"{at(60 * hour)},3600,{model},{team},10" for hour in range(3) for model in "xy" for team in ("a", "")]
    read_usage(write(tmp_path / "a.csv", lines, header))

    read_usage(write(tmp_path / "a.csv", [f"{at(0)},3600,x,,7", f"{at(60)},3600,x,,8"], header))

    found = {(row.hour.hour, row.model, row.team): int(row.quantity) for row in facts(database)}
    assert len(found) == 12
    assert {key: value for key, value in found.items() if value != 10} == {(9, "x", None): 7, (10, "x", None): 8}


def test_wrong_requests_are_corrected_with_replace(read_usage, database: Store, tmp_path: Path) -> None:
    read_usage(write(tmp_path / "a.csv", [f"{at(0)},a,m,1,2", f"{at(-600)},b,m,5,5"]))
    corrected = write(tmp_path / "a.csv", [f"{at(0)},a,m,100,2"])
    read_usage(corrected)
    assert quantities(database)[9, "input"] == 1

    read_usage(corrected, replace=True)

    assert quantities(database) == {
        (9, "requests"): 1, (9, "input"): 100, (9, "output"): 2, (23, "requests"): 1, (23, "input"): 5,
        (23, "output"): 5,
    }  # fmt: skip


def test_request_ids_of_two_sources_are_apart(read_usage, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},1,m,1,2"])
    read_usage(path, source="one")
    read_usage(path, source="two")

    assert quantities(database)[9, "requests"] == 2


# ------------------------------------------------------------------------------------ people and errors


def test_prompts_answers_and_users_are_never_kept(read_usage, database: Store, tmp_path: Path) -> None:
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

    report = read_usage(path)

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


def test_reasoning_is_part_of_the_output(read_usage, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},5,6"] * 9, "timestamp,output_tokens,reasoning_tokens")

    with pytest.raises(InputError, match="9 of 9 rows") as raised:
        read_usage(path)

    assert "column reasoning_tokens: 6 exceeds output_tokens" in raised.value.where


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "1e30", "inf"])
def test_counts_are_whole(read_usage, tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "a.csv", [f"{at(0)},{value}"] * 9, "timestamp,output_tokens")

    with pytest.raises(InputError, match="9 of 9 rows") as raised:
        read_usage(path)

    assert f"output_tokens: {value} is no whole number" in raised.value.where


def test_large_counts_keep_every_digit(read_usage, database: Store, tmp_path: Path) -> None:
    read_usage(write(tmp_path / "a.csv", [f"{at(0)},9007199254740993", f"{at(0)},12.0"], "timestamp,output_tokens"))

    assert quantities(database)[9, "output"] == 9007199254741005
