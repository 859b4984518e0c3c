"""Bills nobody on this project wrote: every one imports or is refused as docs/dialects.md says, to the last decimal."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path, PurePosixPath

import pytest

from aispend.engine.duck import DuckEngine
from aispend.engine.exact import units_sql
from aispend.engine.result import RollUpSummary
from aispend.errors import AispendError
from aispend.prices.classify import SkuClass, SkuDescription, classify
from aispend.settings import Engine
from collectors.files import reading
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import Read, amount, one, read

DOCS = Path(__file__).resolve().parents[2] / "docs" / "dialects.md"
ROW = re.compile(r"^\| `([^`]+)` \| (\S+) \| (imported|refused) \| ?(.*?) ?\|$", re.MULTILINE)
TABLE = [match.groups() for match in ROW.finditer(DOCS.read_text(encoding="utf-8").split("## Public bills")[1])]


def _classify(sku: Mapping[str, str | None]) -> SkuClass:
    return classify(SkuDescription(**{name: text for name, text in sku.items() if text is not None}))  # type: ignore[arg-type]


def _roll_up(path: Path, workdir: Path) -> list[tuple[str, RollUpSummary]]:
    """What the real import makes of a path, up to the database."""
    made = []
    for place, delivery in enumerate(deliveries([path], workdir / "in")):
        with DuckEngine(Engine(), workdir / f"engine{place}").roll_up(delivery, _classify) as rolled:
            made.append((delivery.line.dataset, rolled.summary))
    return made


def _bills(public_data: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(public_data.glob("billing_*/**/*")):
        if path.is_file():
            yield path.relative_to(public_data).as_posix(), path


def _row(name: str) -> tuple[str, str, str, str]:
    """The first row whose pattern fits; a star stays within its folder."""
    path = PurePosixPath(name)
    return next(row for row in TABLE if path.match(row[0]) and len(path.parts) == len(PurePosixPath(row[0]).parts))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def commitment_cases(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Google's commitment cases by name, read once."""
    folder = public_data / "billing_gcp_cud_cases"
    workdir = tmp_path_factory.mktemp("cases")
    columns = ("billed_cost", "effective_cost", "x_flag")
    cases = sorted(folder.glob("*/export.json"))
    return {path.parent.name: one(path, workdir / path.parent.name, columns) for path in cases}


def test_the_table_names_every_public_bill_and_nothing_else(public_data: Path) -> None:
    names = [name for name, _ in _bills(public_data)]

    used = Counter(_row(name)[0] for name in names)

    assert len(names) > 100
    assert set(used) == {row[0] for row in TABLE}


@pytest.mark.parametrize("folder", sorted({row[0].split("/")[0] for row in TABLE if row[0].startswith("billing_")}))
def test_each_public_bill_becomes_what_the_table_says(public_data: Path, tmp_path: Path, folder: str) -> None:
    """The first file of a row goes through the whole roll-up; those of the same form are read to their lines."""
    whole_way: set[str] = set()
    for place, (name, path) in enumerate(_bills(public_data)):
        if not name.startswith(folder + "/"):
            continue
        pattern, dataset, outcome, why = _row(name)
        if pattern in whole_way and pattern == "billing_gcp_cud_cases/*/export.json":
            continue  # read below, by what they are for
        workdir = tmp_path / str(place)
        if outcome == "refused":
            with pytest.raises(AispendError) as caught:
                _roll_up(path, workdir)
            assert why, name
            assert [part for part in why.split("; ") if part not in str(caught.value).replace("\n", " ")] == [], name
        elif pattern in whole_way:
            lines = read(path, workdir, ("billed_cost",))
            assert {(found.delivery.line.dataset, len(found.refused)) for found in lines} == {(dataset, 0)}, name
        else:
            whole_way.add(pattern)
            made = _roll_up(path, workdir)
            assert {found for found, _ in made} == {dataset}, name
            assert not any(summary.rejected for _, summary in made), name


def _exact(rows: list[dict[str, str]], column: str) -> Decimal:
    """The sum of a column as the csv module reads it, every digit kept."""
    return sum((Decimal(row[column]) for row in rows if row[column] not in ("", "NULL")), Decimal(0))


def _rows(path: Path) -> list[dict[str, str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_focus_sample_sums_to_the_twelfth_decimal(public_data: Path, tmp_path: Path) -> None:
    path = public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz"
    rows = _rows(path)
    summary = _roll_up(path, tmp_path)[0][1]
    ours: Counter[str] = Counter()
    for rolled in summary.slices:
        ours[rolled.key.provider] += rolled.totals["USD"]["billed_cost"]  # type: ignore[assignment]

    assert summary.lines == 1000
    assert sum(ours.values()) == _exact(rows, "BilledCost") == Decimal("20.520226728990")
    assert ours == {
        "aws": Decimal("18.006638618400"),
        "azure": Decimal("1.976514185860"),
        "oci": Decimal("0.537073924730"),
    }


def test_the_focus_sample_says_which_effective_costs_are_derived(public_data: Path, tmp_path: Path) -> None:
    """The file's own effective total is 14.9765, wrong by rounding: 604 of Amazon's and 4 of Oracle's lines were paid,
    with 0."""
    path = public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz"
    rows = _rows(path)
    assert _exact(rows, "EffectiveCost") == Decimal("14.976514185860")

    found = one(path, tmp_path)
    derived = [line for line in found.lines if line["x_flag"]]

    assert {line["x_flag"] for line in derived} == {"effective_zero_on_paid_usage"}
    assert Counter(line["x_provider"] for line in derived) == {"aws": 604, "oci": 4}
    assert all(line["effective_cost"] == line["billed_cost"] > 0 for line in derived)
    assert found.total("effective_cost") == Decimal("14.976514185860") + sum(line["billed_cost"] for line in derived)


def test_the_focus_sample_has_no_discount_of_100_percent(public_data: Path, tmp_path: Path) -> None:
    found = one(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz", tmp_path)

    paid = [line for line in found.lines if line["billed_cost"] > 0 and line["charge_category"] == "Usage"]

    assert len(paid) > 600
    assert not any(line["list_cost"] == 0 or line["contracted_cost"] == 0 for line in paid)
    assert any(line["contracted_cost"] == 0 for line in found.lines), "free lines keep their zeros"


def test_the_cur_sample_sums_to_the_twelfth_decimal(public_data: Path, tmp_path: Path) -> None:
    path = public_data / "billing_focusconv_aws_cur" / "sample-anonymous-aws-export-dataset.csv.gz"
    rows = _rows(path)
    ((_, summary),) = _roll_up(path, tmp_path)
    totals = summary.slices[0].totals["USD"]

    assert summary.lines == 1281
    assert totals["billed_cost"] == _exact(rows, "lineItem/UnblendedCost") == Decimal("1.682308697400")
    usage = [row for row in rows if row["lineItem/LineItemType"] == "Usage"]
    assert totals["contracted_cost"] == _exact(usage, "lineItem/UnblendedCost")
    assert totals["list_cost"] == _exact(
        [
            row
            for row in usage
            if not (Decimal(row["pricing/publicOnDemandCost"]) == 0 < Decimal(row["lineItem/UnblendedCost"]))
        ],
        "pricing/publicOnDemandCost",
    )


def test_the_azure_pair_gives_billed_and_effective(public_data: Path, tmp_path: Path) -> None:
    folder = public_data / "billing_finopstoolkit_azure"
    found = read(folder, tmp_path)
    halves = {read.delivery.line.half: read for read in found}

    assert set(halves) == {1, 2}
    billed = _exact(_rows(folder / "EA_ActualCost_Small.csv"), "Cost")
    effective = _exact(_rows(folder / "EA_AmortizedCost_Small.csv"), "Cost")
    assert abs(halves[1].total("billed_cost") - billed) < Decimal("1e-11")
    assert abs(halves[2].total("effective_cost") - effective) < Decimal("1e-11")
    assert halves[1].delivery.line.columns_known == ("billed_cost",)
    assert all(line["billed_cost"] is None for line in halves[2].lines)
    assert any("EA_NoRows.csv" in note for read in found for note in read.delivery.line.notes)


def test_google_keeps_its_currencies_apart_and_nets_credits(public_data: Path, tmp_path: Path) -> None:
    path = public_data / "billing_gcp_export_synth" / "sample_billing_data.csv.gz"
    rows = _rows(path)
    found = one(path, tmp_path)
    counts = Counter(line["billing_currency"] for line in found.lines)

    assert counts == {"USD": 249, "GBP": 89, "AUD": 82, "EUR": 80}
    for currency in counts:
        own = [row for row in rows if row["currency"] == currency]
        net = _exact(own, "cost") + _exact(own, "credits_amount")
        assert sum(line["billed_cost"] for line in found.lines if line["billing_currency"] == currency) == net
    assert Counter(line["charge_category"] for line in found.lines)["Tax"] == 96


def test_every_commitment_case_conserves_its_money(commitment_cases: dict[str, Read]) -> None:
    """Fees move to the usage they covered; what was billed is what it cost, to a unit of the last decimal per line."""
    assert len(commitment_cases) == 27
    for name, case in commitment_cases.items():
        assert (case.delivery.line.dataset, case.refused) == ("gcp_standard", []), name
        difference = case.total("effective_cost") - case.total("billed_cost")
        assert abs(difference) <= len(case.lines) * Decimal("1e-12"), name
    assert sum(line["x_flag"] is not None for case in commitment_cases.values() for line in case.lines) > 50


def test_a_delivery_folder_counts_each_bill_once(public_data: Path, tmp_path: Path) -> None:
    """Manifest, archive and loose copy of one report lie side by side: three lines, not nine."""
    found = read(public_data / "billing_keboola_cur12" / "cur_1_0", tmp_path)

    (only,) = found
    assert len(only.lines) == 3
    assert only.total("billed_cost") == Decimal("0.045152")
    assert only.delivery.change_token.startswith("123e4567-e89b-12d3-a456-426614174000:")
    assert any("sample_billing_data.csv" in note for note in only.delivery.line.notes)


def test_the_azure_openai_summaries_add_up(public_data: Path, tmp_path: Path) -> None:
    """They are refused as bills; their check numbers hold in the same exact arithmetic a bill goes through."""
    folder = public_data / "billing_azure_openai_meters"
    with reading.connect(tmp_path) as connection:
        month = f"read_csv('{folder / 'azure_openai_month_sample.csv'}', all_varchar = true)"
        lines, cost, tokens = connection.execute(
            f"SELECT count(*), sum({units_sql('total_cost_usd', 'VARCHAR')}), "
            f"sum({units_sql('token_count', 'VARCHAR')}) FROM {month}"
        ).fetchall()[0]
        daily = f"read_csv('{folder / 'azure_ai_meters_daily.csv'}', all_varchar = true)"
        sums = f"SELECT count(*), sum({units_sql('DailyCost', 'VARCHAR')}) FROM {daily}"
        days, spent = connection.execute(sums).fetchall()[0]

    assert (lines, amount(cost), amount(tokens)) == (5, Decimal("0.360382"), Decimal(303244))
    for row in _rows(folder / "azure_openai_month_sample.csv"):
        tokens_times_price = Decimal(row["token_count"]) * Decimal(row["unit_price_usd"]) / 1000
        assert abs(tokens_times_price - Decimal(row["total_cost_usd"])) <= Decimal("2e-6")
    assert (days, amount(spent)) == (
        18,
        sum(Decimal(row["DailyCost"]) for row in _rows(folder / "azure_ai_meters_daily.csv")),
    )
    assert round(float(amount(spent) or 0), 2) == 27.47
