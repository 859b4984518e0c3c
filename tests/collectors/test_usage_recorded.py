"""Usage as others record it: the scrapes of inference servers, and public traces of real requests."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from aispend.errors import InputError
from aispend.store import Store
from tests.collectors.usage_lines import NINE, at, facts, quantities

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


def test_usage_is_the_difference_of_two_scrapes(read_usage, database: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "1.prom", tmp_path / "2.prom"
    first.write_text(scrape(0, 1000, 100, 500, 10))
    second.write_text(scrape(30, 1600, 300, 900, 14, 1) + scrape(45, 50, 20, 40, 2))  # restarted before 09:45

    read_usage(first, second)

    assert quantities(database) == {
        (9, "requests"): 4 + 2, (9, "failed_requests"): 1, (9, "input"): 400 + 30, (9, "cached_input"): 200 + 20,
        (9, "output"): 400 + 40,
    }  # fmt: skip


def test_one_scrape_holds_no_usage(read_usage, public_data: Path) -> None:
    folder = public_data / "util_dcgm_vllm_scrapes"
    (vllm,) = folder.glob("*.vllm.prom")

    with pytest.raises(InputError, match="one instant only"):
        read_usage(vllm, at=NINE)
    with pytest.raises(InputError, match="no token counters"):
        read_usage(next(folder.glob("*.dcgm.prom")), at=NINE)


def test_a_real_vllm_scrape_twice(read_usage, database: Store, public_data: Path, tmp_path: Path) -> None:
    (vllm,) = (public_data / "util_dcgm_vllm_scrapes").glob("*.vllm.prom")
    now = vllm.read_text()
    path = tmp_path / "a.prom"
    path.write_text(f"# scraped_at {at(0)}\n{now}\n# scraped_at {at(10)}\n{now}")

    read_usage(path)

    assert set(quantities(database).values()) == {0}
    assert {row.unit_class for row in facts(database)} >= {"requests", "input", "output"}


# ------------------------------------------------------------------------------------ real data


@pytest.mark.parametrize(
    ("name", "requests", "tokens_in", "tokens_out"),
    [("code.csv", 8_819, 18_059_974, 245_896), ("conv.csv.gz", 19_366, 22_361_870, 4_088_665)],
)
def test_an_hour_of_azure_requests(
    read_usage,
    database: Store,
    public_data: Path,
    tmp_path: Path,
    name: str,
    requests: int,
    tokens_in: int,
    tokens_out: int,
) -> None:
    source = public_data / "llm_azure_2023" / f"AzureLLMInferenceTrace_{name}"
    content = gzip.decompress(source.read_bytes()) if name.endswith("gz") else source.read_bytes()
    header = b"TIMESTAMP,ContextTokens,GeneratedTokens"
    assert content.startswith(header)
    path = tmp_path / "requests.csv"
    path.write_bytes(content.replace(header, b"timestamp,uncached_input_tokens,output_tokens", 1))

    report = read_usage(path)

    expected = {"requests": requests, "input": tokens_in, "output": tokens_out}
    assert report.totals == expected
    assert sum(quantities(database).values()) == sum(expected.values())
    assert report.rows_rejected == 0


def test_image_requests_with_failures(read_usage, database: Store, public_data: Path, tmp_path: Path) -> None:
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

    report = read_usage(path)

    assert failed == 431
    assert report.totals == {"requests": 26_823 - 431, "failed_requests": 431}
    assert any("without a zone" in note for note in report.notes)
