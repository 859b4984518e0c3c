"""Numbers on their way out: exact for machines, rounded for people, defused for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reports import formats
from reports.advice_columns import IDLE, RECOMMENDATIONS, WHY_NOT
from reports.columns import FRESHNESS, RECONCILE, UNIT_COSTS, Column, spend_columns
from reports.output import defused, exact, json_text, spreadsheet_text, write_csv
from reports.views import Window

ANY_AMOUNT = st.decimals(min_value=-(10**20), max_value=10**20, places=12, allow_nan=False, allow_infinity=False)


def csv_text(columns: tuple[Column, ...], *rows: dict[str, object]) -> str:
    stream = io.StringIO(newline="")
    write_csv(stream, columns, rows)
    return stream.getvalue()


@given(ANY_AMOUNT)
def test_money_keeps_every_digit_in_json_and_csv(amount: Decimal) -> None:
    columns = (Column("amount", "money"),)
    (in_json,) = json.loads(json_text(columns, [{"amount": amount}]))
    in_csv = csv_text(columns, {"amount": amount}).splitlines()[1]

    assert Decimal(in_json["amount"]) == amount
    assert Decimal(in_csv) == amount
    assert "E" not in in_csv
    assert len(in_csv.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("-0E-12", "0.00"), ("1E+3", "1000.00"), ("1.250000000000", "1.25"), ("-0.1", "-0.10")],
)
def test_exact_text(amount: str, text: str) -> None:
    assert exact(Decimal(amount), 2) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_would_run_as_a_formula_is_defused(start: str) -> None:
    """By the apostrophe, in text alone: a negative amount stays a number."""
    columns = (Column("name"), Column("amount", "money"), Column("count", "number"), Column("load", "number_or_text"))
    text = csv_text(columns, {"name": f"{start}1+1", "amount": Decimal(-5), "count": -3, "load": Decimal("-0.5")})
    (row,) = csv.DictReader(io.StringIO(text, newline=""))

    assert row == {"name": f"'{start}1+1", "amount": "-5.00", "count": "-3", "load": "-0.5"}


@given(st.text(max_size=20))
def test_csv_text_comes_back_as_it_went(name: str) -> None:
    (row,) = csv.DictReader(
        io.StringIO(csv_text((Column("name"), Column("rest")), {"name": name, "rest": "x"}), newline="")
    )

    assert row == {"name": defused(name), "rest": "x"}


NUMBERS = [
    *("012345678901", "123456789012", "12e5", "1.5E10", "1e-5", "00", "0.5", ".5", "5.", "1.50", "1,234", "1.234,5"),
    *("1'234", "1:2", "$5", "5€", "£1,000", "1.5%", "%5", "(3)", "($3)", "5-", "\u22125", "\uff11\uff12,\uff15"),
    *("192.168.100.200", " 5", "5 ", "5 %", "- 5", "1 234", "1 1/2", "(1 %)"),
]
DAYS = [
    *("1-2", "3/4", "1.5", "10-12-2026", "11-2026", "2026-01", "2026/01/02", "1.2.26", "26-1-2", "mar1", "SEP-2"),
    *("Jan-26", "1-Jan-2026", "jan.5", "5 may", "May 5, 2026", "5. August 2026", " 2026-01-02", "2026-01-02 12:30"),
]
TIMES = ["12:30", "1:2:3", "12:", "12:30:15.5", "7 pm", "12:30 PM", "7 a", "1/2/2026 7:30am", "24:00"]


@pytest.mark.parametrize("text", [*NUMBERS, *DAYS, *TIMES])
def test_in_a_spreadsheet_a_text_that_would_become_a_number_a_day_or_a_time_is_text(text: str) -> None:
    assert spreadsheet_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["i-0abc", "12e5f", "p5.48xlarge", "", "1e", "e5", "5 eggs", "7 pmx", "%", "( )", "$"])
def test_in_a_spreadsheet_other_text_stays_as_it_is(text: str) -> None:
    assert spreadsheet_text(text) == text


@pytest.mark.parametrize("text", ["march", "g5.12xlarge", "may-ads", "team 5", "march-team 5", "5 mayors"])
def test_a_name_with_a_month_or_a_number_in_it_is_left_alone(text: str) -> None:
    assert spreadsheet_text(text) == text


@pytest.mark.parametrize("text", ["222", "0", "12345678901", "2026-11-20", "1-2-3-4", "10.0.0.1", "10.0.0.0/16"])
def test_what_a_spreadsheet_shows_as_it_is_is_left_alone(text: str) -> None:
    """Whole numbers digit for digit, whole dates as the same day, four groups and more as neither."""
    assert spreadsheet_text(text) == text


WRITTEN = ("{}", "-{}", "{}-", "+{}", "({})", "{}%", "% {}", "${}", "{} €", "£ {}", "-${}", "({} %)", " {}", "{}\u00a0")
MARKS = st.sampled_from([".", ",", "'", " ", "\u202f"])


@given(st.integers(0, 10**12), st.integers(0, 10**4), MARKS, MARKS, st.sampled_from(WRITTEN))
def test_a_number_however_it_is_written_is_text(whole: int, rest: int, mark: str, point: str, written: str) -> None:
    """With separators of any country, a sign before or after, in brackets, in percent or a currency."""
    text = written.format(f"{whole:,}".replace(",", mark) + f"{point}{rest}")
    groups = text.split(".")
    # of four groups and more one is no number unless all but the first have three digits
    assume(len(groups) < 4 or not text.replace(".", "").isdigit() or len(groups[-1]) == 3)
    assert spreadsheet_text(text) == f"'{text}"


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(
        ["%d{0}%m", "%m{0}%d", "%m{0}%Y", "%Y{0}%m", "%d{0}%m{0}%y", "%m{0}%d{0}%Y", "%d{0}%b{0}%Y", "%b{0}%d"]
    ),
    st.sampled_from("-/."),
    st.sampled_from(["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I%p"]),
)
def test_a_day_or_a_time_however_it_is_written_is_text(at: datetime, day: str, mark: str, time: str) -> None:
    for form in (day.format(mark) + time, time.strip() or "%H:%M"):
        text = at.strftime(form)
        assert spreadsheet_text(text) == f"'{text}"


OTHER = st.characters(categories=["Ll", "Lo", "So"], exclude_characters="aep").filter(
    lambda letter: unicodedata.normalize("NFKC", letter) == letter
)


@given(st.text("0123456789.,:/%() ", max_size=12), OTHER, st.text("0123456789.,:/%() -e", max_size=12))
def test_any_other_letter_makes_it_a_name(before: str, letter: str, after: str) -> None:
    """Exponents are written with e, halves of the day begin with a or p, and no month has one letter."""
    assert spreadsheet_text(f"{before}{letter}{after}") == f"{before}{letter}{after}"


def test_unknown_is_null_and_empty_never_zero() -> None:
    columns = (Column("a", "money"), Column("b", "number"), Column("c", "date"), Column("d", "flag"), Column("e"))
    row = dict.fromkeys("abcde")

    assert json.loads(json_text(columns, [row])) == [row]
    assert csv_text(columns, row) == "a,b,c,d,e\r\n,,,,\r\n"


def test_json_numbers_days_and_flags() -> None:
    columns = (
        Column("whole", "number"),
        Column("part", "number"),
        Column("day", "date"),
        Column("month", "month"),
        Column("at", "instant"),
        Column("yes", "flag"),
    )
    row = {
        "whole": Decimal("12000.000"),
        "part": Decimal("0.25"),
        "day": date(2026, 11, 2),
        "month": date(2026, 11, 1),
        "at": datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC),
        "yes": True,
    }

    assert json.loads(json_text(columns, [row])) == [
        {
            "whole": 12000,
            "part": 0.25,
            "day": "2026-11-02",
            "month": "2026-11",
            "at": "2026-11-02T03:04:05Z",
            "yes": True,
        }
    ]


def test_published_keys_are_those_promised_from_the_start() -> None:
    """The order and names others read by; more may follow, none may change."""
    promised = {
        spend_columns(("model",)): """
            model billed_cost effective_cost list_cost contracted_cost currency final_share""",
        UNIT_COSTS: """
            model provider stage basis currency effective_cost requests input_tokens cached_input_tokens
            cache_write_tokens output_tokens cost_per_1k_requests cost_per_1m_input_tokens
            cost_per_1m_cached_input_tokens cost_per_1m_output_tokens cost_per_1m_tokens load unpriced_requests""",
        IDLE: """
            resource_id provider account region type accelerators state since coverage monthly_cost evidence""",
        RECOMMENDATIONS: """
            id kind resource_id provider account region model team current proposed monthly_saving_list
            monthly_saving_effective monthly_saving_net saving_p10 saving_p50 saving_p90 currency risk confidence
            effort one_off_cost payback_months violation_bound state reason command""",
        RECONCILE: "promise scope period currency ours theirs difference cause holds",
        WHY_NOT: "resource_id kind reason explanation monthly_cost currency at",
        FRESHNESS: """
            kind source provider scope slices first_period newest_day loaded_at rows_in rows_out rows_rejected
            failed_loads""",
    }
    for columns, names in promised.items():
        wanted = names.split()
        assert [column.name for column in columns][: len(wanted)] == wanted


def test_amounts_for_people() -> None:
    assert [formats.money(Decimal(text)) for text in ("1234567.891", "0", "-0.004", "0.005", "0.00123", "-3")] == [
        "1,234,567.89",
        "0.00",
        "-0.0040",
        "0.0050",
        "0.0012",
        "-3.00",
    ]
    assert formats.money(None) == "–"
    assert [formats.unit_price(Decimal(text)) for text in ("12.3456", "1.03842", "0.00217949", "1234.5")] == [
        "12.35",
        "1.038",
        "0.002179",
        "1,234.50",
    ]


def test_other_words_for_people() -> None:
    assert formats.percent(Decimal("0.1234"), 1) == "12.3 %"
    assert formats.change(Decimal("-0.05")) == "-5.0 %"
    assert [formats.count(number) for number in (999_999, Decimal(1500000), 2 * 10**9, None)] == [
        "999,999",
        "1.5 M",
        "2.0 G",
        "–",
    ]
    assert formats.period(Window(date(2026, 11, 1), date(2026, 11, 2))) == "2026-11-01 to 2026-11-01 (1 day)"
    assert formats.month(date(2026, 3, 1)) == "March 2026"


def test_a_cell_holds_no_more_than_a_spreadsheet_takes() -> None:
    """Excel takes 32,767 characters; what is longer would spill into cells of its own."""
    assert spreadsheet_text("x" * 32_767) == "x" * 32_767
    long = spreadsheet_text("=" + "x" * 40_000)
    assert len(long) == 32_767
    assert long.startswith("'=xxx")
    assert long.endswith("x… (40,001 characters; all of them in JSON and Parquet)")


@pytest.mark.parametrize("start", ["\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_starts_that_some_spreadsheets_read_as_a_formula_are_defused(start: str) -> None:
    assert defused(f"{start}1+1") == f"'{start}1+1"
