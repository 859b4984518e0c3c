"""From paths to deliveries: what is read, what is passed over, what stops the import."""

from __future__ import annotations

import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aispend.errors import InputError, UnknownDialectError
from collectors.files import encodings, unpack
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, one, read, write_csv


def line(**changes: str) -> dict[str, str]:
    return FOCUS_LINE | changes


def month(number: int, **changes: str) -> dict[str, str]:
    return line(
        BillingPeriodStart=f"2026-{number:02}-01T00:00:00Z",
        BillingPeriodEnd=f"2026-{number + 1:02}-01T00:00:00Z",
        ChargePeriodStart=f"2026-{number:02}-03T07:00:00Z",
        **changes,
    )


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "work"


def notes(found: list[object]) -> str:
    return " | ".join(note for read in found for note in read.delivery.line.notes)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_content(tmp_path: Path, workdir: Path, delimiter: str) -> None:
    bill = write_csv(tmp_path / "bill.anything", [line()], delimiter=delimiter)

    assert one(bill, workdir).total("billed_cost") == Decimal("1.5")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_are_found_by_content(tmp_path: Path, workdir: Path, encoding: str) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line(ServiceName="Müller Köln")] * 3, encoding=encoding)

    found = one(bill, workdir)

    assert [read["service_name"] for read in found.lines] == ["Müller Köln"] * 3


def test_latin_1_is_read_and_said(tmp_path: Path, workdir: Path) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line(ServiceName="Müller")], encoding="latin-1")

    found = one(bill, workdir)

    assert found.lines[0]["service_name"] == "Müller"
    assert "read as Latin-1" in notes([found])


def test_gzip_is_known_by_its_content(tmp_path: Path, workdir: Path) -> None:
    plain = write_csv(tmp_path / "bill.csv", [line()])
    packed = tmp_path / "bill.csv.part"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    misnamed = tmp_path / "plain.csv.gz"
    misnamed.write_bytes(plain.read_bytes())

    assert one(packed, workdir).total("billed_cost") == Decimal("1.5")
    assert one(misnamed, workdir).total("billed_cost") == Decimal("1.5")


def test_lines_before_the_header_and_breaks_in_cells_are_read(tmp_path: Path, workdir: Path) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line(ServiceName='two\nlines, "quoted"'), line()])
    bill.write_bytes(b"Cost report\r\n\r\n" + bill.read_bytes())

    found = one(bill, workdir)

    assert found.delivery.files[0].skip_lines == 2
    assert [read["service_name"] for read in found.lines] == ['two\nlines, "quoted"', FOCUS_LINE["ServiceName"]]


@pytest.mark.parametrize("form", ["lines", "lines.gz", "concatenated", "array"])
def test_json_in_every_form_keeps_its_digits(tmp_path: Path, workdir: Path, form: str) -> None:
    rows = [{**FOCUS_LINE, "Tags": {"team": "search"}, "Extra": None}, {**FOCUS_LINE, "BilledCost": "X"}]
    indent = None if form.startswith("lines") else 2
    texts = [json.dumps(row, indent=indent).replace('"X"', "0.123456789012") for row in rows]
    text = "[" + ",\n".join(texts) + "]" if form == "array" else "\n".join(texts) + "\n"
    bill = tmp_path / "bill.json"
    bill.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())

    found = one(bill, workdir)

    assert sorted(read["billed_cost"] for read in found.lines) == [Decimal("0.123456789012"), Decimal("1.5")]
    assert {"team": "search"} in [read["tags"] for read in found.lines]


def test_a_json_that_breaks_off_says_where(tmp_path: Path, workdir: Path) -> None:
    bill = tmp_path / "bill.json"
    bill.write_text(json.dumps([FOCUS_LINE, FOCUS_LINE], indent=1)[:-40])

    with pytest.raises(InputError, match=r"breaks off(?s:.*)bill\.json, character [\d,]+"):
        deliveries([bill], workdir)


def test_zip_members_are_read_like_a_folder(tmp_path: Path, workdir: Path) -> None:
    first, second = (write_csv(tmp_path / f"{n}.csv", [month(n)]) for n in (3, 4))
    with zipfile.ZipFile(tmp_path / "bill.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(first, "march/part")
        archive.writestr("april/part.gz", gzip.compress(second.read_bytes()))
        archive.writestr("READ.ME", "what this is")
        archive.writestr("__MACOSX/._part", b"\0\1\2")

    found = read(tmp_path / "bill.zip", workdir)

    assert sum(len(each.lines) for each in found) == 2
    assert {str(read["x_billing_month"]) for each in found for read in each.lines} == {"2026-03-01", "2026-04-01"}
    assert "READ.ME: This is text, not a table. Passed over." in notes(found)


def test_globs_and_folders_are_walked(tmp_path: Path, workdir: Path) -> None:
    for number in (3, 4):
        write_csv(tmp_path / "bills" / "deep" / f"{number}.csv", [month(number)])

    assert len(one(Path(f"{tmp_path}/bills/**/*.csv"), workdir).lines) == 2
    assert len(one(tmp_path / "bills", workdir).lines) == 2
    assert len(one([tmp_path / "bills", tmp_path / "bills" / "deep" / "3.csv"], workdir).lines) == 2


# ------------------------------------------------------------------------------------ belonging


def test_the_same_content_counts_once(tmp_path: Path, workdir: Path) -> None:
    plain = write_csv(tmp_path / "a.csv", [line()])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))

    found = one(tmp_path, workdir)

    assert len(found.lines) == 1
    assert "the same content as" in notes([found])


def test_chunks_of_one_bill_are_one_delivery(tmp_path: Path, workdir: Path) -> None:
    for number in range(3):
        write_csv(tmp_path / f"chunk{number}.csv", [line(BilledCost=str(number))])

    assert one(tmp_path, workdir).total("billed_cost") == 3


def test_months_with_other_headers_are_other_deliveries(tmp_path: Path, workdir: Path) -> None:
    write_csv(tmp_path / "a.csv", [month(3)])
    write_csv(tmp_path / "b.csv", [month(4, x_New="1")])

    found = read(tmp_path, workdir)

    assert sorted(len(each.lines) for each in found) == [1, 1]


def test_a_month_over_files_with_other_headers_is_one_delivery(tmp_path: Path, workdir: Path) -> None:
    """Otherwise loading the second file would replace the month with its own half."""
    write_csv(tmp_path / "a.csv", [month(3, BilledCost="1"), month(4)])
    write_csv(tmp_path / "b.csv", [month(3, BilledCost="2", x_New="1", ServiceName="NULL")])

    found = one(tmp_path, workdir)

    assert sorted(read["billed_cost"] for read in found.lines) == [1, Decimal("1.5"), 2]
    assert None in [read["service_name"] for read in found.lines], "NULL is still nothing"


def test_the_change_token_is_of_content_alone(tmp_path: Path, workdir: Path) -> None:
    def token(names: list[str], cost: str = "2") -> str:
        folder = tmp_path / "-".join([*names, cost])
        for name, price in zip(names, ("1", cost), strict=True):
            write_csv(folder / name, [line(BilledCost=price)])
        return deliveries([folder], workdir)[0].change_token

    assert token(["a.csv", "b.csv"]) == token(["z.csv", "y.csv"])
    assert token(["a.csv", "b.csv"]) != token(["a.csv", "b.csv"], "3")


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty"),
        (b"  \n\n", "The file is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML answer"),
        (b"just some words\nand more of them\n", "text, not a table"),
        (bytes(range(256)) * 40, "binary file"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"Obj\x01avro.schema", "an Avro file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
        (b"PK\x05\x06" + b"\0" * 18, "archive is empty"),
        (b"a,b,c,d\n1,2,3,4\n", "No bill format fits this header"),
        (b'{"commitments_unit_type": "RAM", "commitments_amount": 1}\n', "list of Google commitments"),
    ],
)
def test_what_is_no_bill_is_refused_with_its_reason(
    tmp_path: Path, workdir: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        deliveries([path], workdir)
    assert "bill.csv" in str(caught.value)


def test_the_nearest_dialect_says_what_is_missing(tmp_path: Path, workdir: Path) -> None:
    bill = write_csv(
        tmp_path / "bill.csv", [{k: v for k, v in line().items() if k not in ("BillingCurrency", "BilledCost")}]
    )

    with pytest.raises(UnknownDialectError, match=r"nearest is FOCUS 1\.x; it misses: BilledCost, BillingCurrency\."):
        deliveries([bill], workdir)


def test_a_header_without_rows_stops_only_what_was_named(tmp_path: Path, workdir: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text(",".join(FOCUS_LINE) + "\n")
    with pytest.raises(InputError, match="a header without rows"):
        deliveries([empty], workdir)

    write_csv(tmp_path / "full.csv", [line()])
    found = one(tmp_path, workdir)

    assert len(found.lines) == 1
    assert "empty.csv: This bill has a header without rows" in notes([found])


def test_a_parquet_without_rows_and_one_cut_off(tmp_path: Path, workdir: Path) -> None:
    table = pa.table({name: pa.array([value]) for name, value in line().items()})
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(InputError, match="a header without rows"):
        deliveries([tmp_path / "empty.parquet"], workdir)

    pq.write_table(table, tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-30])
    with pytest.raises(InputError, match="cut off or damaged"):
        deliveries([tmp_path / "cut.parquet"], workdir)


def test_archives_cut_off_are_refused(tmp_path: Path, workdir: Path) -> None:
    plain = write_csv(tmp_path / "bill.csv", [line(ResourceId=f"i-{n * 7919}") for n in range(5000)])
    packed = gzip.compress(plain.read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="cut off or damaged"):
        deliveries([tmp_path / "cut.csv.gz"], workdir)
    (tmp_path / "sum.csv.gz").write_bytes(packed[:-6] + b"\0\0" + packed[-4:])
    with pytest.raises(InputError, match="cut off or damaged"):
        deliveries([tmp_path / "sum.csv.gz"], workdir)

    with zipfile.ZipFile(tmp_path / "bill.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "bill.csv")
    whole = (tmp_path / "bill.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="archive cannot be unpacked"):
        deliveries([tmp_path / "cut.zip"], workdir)


def test_a_hostile_archive_writes_nothing_outside(
    tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../../escaped.csv", "x")
    with pytest.raises(InputError, match="points out of it"):
        deliveries([tmp_path / "out.zip"], workdir)
    assert not list(tmp_path.rglob("escaped.csv"))

    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.write(tmp_path / "out.zip", "inner")
    with pytest.raises(InputError, match="holds another archive"):
        deliveries([tmp_path / "nested.zip"], workdir)

    monkeypatch.setattr(unpack, "_BOMB_FLOOR", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bill.csv", b"0" * (4 << 20))
    with pytest.raises(InputError, match="more than 250 times its own size"):
        deliveries([tmp_path / "bomb.zip"], workdir)


def test_an_excel_workbook_is_named_as_such(tmp_path: Path, workdir: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bill.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(InputError, match=r"Excel workbook(?s:.*)Save the sheet as CSV"):
        deliveries([tmp_path / "bill.xlsx"], workdir)


def test_paths_that_lead_nowhere(tmp_path: Path, workdir: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, message in (("gone.csv", "no such file"), ("*.none", "No file fits"), ("empty", "holds no files")):
        with pytest.raises(InputError, match=message):
            deliveries([tmp_path / path], workdir)


def test_a_damaged_bill_in_a_folder_stops_the_import(tmp_path: Path, workdir: Path) -> None:
    write_csv(tmp_path / "a.csv", [line()])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"BilledCost,x\n" * 4000)[:60])

    with pytest.raises(InputError, match="cut off or damaged"):
        deliveries([tmp_path], workdir)


def test_columns_that_are_not_read_may_differ_only_in_case(tmp_path: Path, workdir: Path) -> None:
    bill = tmp_path / "bill.csv"
    write_csv(bill, [line()])
    header, *rest = bill.read_text().splitlines()
    bill.write_text("\n".join([f"{header},extra,Extra,", *(f"{text},1,2,3" for text in rest)]) + "\n")

    names = one(bill, workdir).delivery.files[0].header.columns

    assert names[-3:] == ("extra", "Extra ", f"column{len(FOCUS_LINE) + 2}")


@pytest.mark.parametrize("first", ["billedcost", "BilledCost"])
def test_columns_that_are_read_and_differ_only_in_case_are_named(tmp_path: Path, workdir: Path, first: str) -> None:
    other = {"BilledCost": "billedcost", "billedcost": "BilledCost"}[first]
    rest = {name: text for name, text in line().items() if name != "BilledCost"}
    write_csv(tmp_path / "bill.csv", [{first: "5", **rest, other: "1.5"}])

    with pytest.raises(InputError, match=f"columns {first} and {other} differ only in case") as refused:
        deliveries([tmp_path / "bill.csv"], workdir)
    assert str(refused.value.where) == f"{tmp_path / 'bill.csv'}, columns 1 and {len(FOCUS_LINE) + 1}"


def test_large_gzip_files_are_not_read_twice(tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the engine's own reading finds the end missing."""
    monkeypatch.setattr(encodings, "_VERIFY_GZIP_UP_TO", 0)
    plain = write_csv(tmp_path / "bill.csv", [line(ResourceId=f"i-{n * 7919}") for n in range(20000)])
    packed = gzip.compress(plain.read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) * 3 // 4])

    (found,) = deliveries([tmp_path / "cut.csv.gz"], workdir)

    assert found.files[0].header.columns == tuple(FOCUS_LINE)


def test_a_parquet_file_with_damaged_pages_is_named(tmp_path: Path, workdir: Path) -> None:
    """Its footer is whole; what it points to is not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "bill.parquet"
    rows = [FOCUS_LINE | {"ResourceId": f"vm-{number}"} for number in range(2000)]
    pq.write_table(pa.Table.from_pylist(rows), path, compression="none")
    content = bytearray(path.read_bytes())
    content[4:4000] = b"\xff" * 3996
    path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be read to its end") as caught:
        read(path, workdir)
    assert "bill.parquet" in str(caught.value)
