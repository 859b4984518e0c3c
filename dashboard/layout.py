"""What pages share: the line that says what a number is, tables, names, and what to do when there is nothing.

What comes out of bills and tags is shown as text, never as Markdown or HTML: a model named ``*`` or ``<b>`` is that.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import streamlit as st

from aispend.money import rate
from reports.formats import PROVIDERS, UNKNOWN, allocation_line, cost_name, inclusion, moment, money, pending, percent
from reports.subject_names import subject_name
from reports.views import Basis, CostColumn, Costs, Spend, SpendRow

NO_MODEL = "no model known"
NO_AI = "The loaded bills hold no AI spend here. What counts as AI spend can be set by rules in `aispend.toml`."
_REASONS = {
    "direct": (
        "Billed to one owner",
        "The whole charge is for one model or team: its tag, a rule or the service says so.",
    ),
    "used": ("In use, as measured", "Divided among models and teams by the hours or tokens each was measured to use."),
    "idle": ("Paid for, not used", "Machines and endpoints ran, and nothing ran on them."),
    "shared": ("Shared cost", "For several at once, divided among them."),
    "commitment_unused": ("Commitment not used", "Committed to in advance and paid for, with nothing to cover."),
    "credit": ("Credits and refunds", "What the cloud took off the bill."),
    "tax": ("Tax", ""),
    "support": ("Support", ""),
    "unattributed": ("Owner not known", "Neither model nor team is known. Tags, rules or usage data would tell."),
    "not_ai": ("Not AI", ""),
}
_STAGES = {
    "fine_tuning": "fine-tuning",
    "inference_online": "online inference",
    "inference_batch": "batch inference",
    "unknown": "stage unknown",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:])")
_NAME_LENGTH = 34
_AT_FIRST = 12
_SHORT = 26
"""A cell of so few letters stays on one line where the screen is wide."""


@dataclass(frozen=True)
class Short:
    """A cell that shows ``shown``, and ``full`` when pointed at."""

    shown: str
    full: str


@dataclass(frozen=True)
class Lines:
    """A cell with a smaller line below it, shortened to one line where it is an id: ``full`` when pointed at."""

    shown: str
    below: str
    full: str = ""


Tone = Literal["bad", "careful", "good", "quiet"]
_SIGNS: dict[Tone, str] = {"bad": "■", "careful": "▲", "good": "●", "quiet": "○"}
"""Beside the colour, for those who do not see it."""


@dataclass(frozen=True)
class Mark:
    """A state as a cell: a word with a sign and a colour; a smaller line below it."""

    shown: str
    tone: Tone
    below: str = ""


Cell = str | Short | Lines | Mark


@dataclass(frozen=True)
class Figure:
    """A number to be seen first; ``note`` stands below it, ``explained`` behind its question mark."""

    title: str
    value: str
    note: str = ""
    explained: str | None = None


def basis_line(basis: Basis, currency: str, period_text: str) -> None:
    """One quiet line: period, cost, currency, tax, freshness, finality; and what is unknown, which has a star."""
    parts = [
        period_text,
        f"{cost_name(basis.cost)} in {currency}",
        inclusion(basis),
        f"data as of {basis.newest_day}" if basis.newest_day else "",
        f"loaded {moment(basis.data_as_of)}" if basis.data_as_of else "",
        _finality(basis.final_share.get(currency)),
        allocation_line(basis.allocation).removesuffix("."),
    ]
    st.caption(markdown_safe(" · ".join(part for part in parts if part)))
    unknown = [gap for gap in basis.gaps if basis.cost in gap.unknown]
    if unknown:
        bills = sorted({f"{provider(gap.provider)} {gap.scope}" for gap in unknown})
        st.warning(
            f"These bills give no {cost_name(basis.cost)}; it is unknown there, not zero, and numbers with * "
            f"leave them out: {markdown_safe(', '.join(bills))}."
        )
    star_line(basis, basis.cost)
    if basis.pending:
        st.warning(pending(basis.pending))


def star_line(basis: Basis, cost: CostColumn) -> None:
    """What a star beside this cost means, where some charge lacks it."""
    if cost in basis.lacking:
        st.caption(
            markdown_safe(
                f"Some charges have no {cost_name(cost)} in their bill; it is unknown, not zero, and numbers with * "
                "leave them out."
            )
        )


def _finality(share: Decimal | None) -> str:
    if share is None:
        return ""
    shown = percent(share)
    whole_words = {percent(Decimal(0)): "provisional", percent(Decimal(1)): "final"}
    return whole_words.get(shown, f"{shown} final, the rest provisional")


def nothing_loaded() -> None:
    """The empty state."""
    st.info("Nothing is loaded and analyzed yet.")
    st.markdown("Load a bill, then analyze it:")
    st.code("aispend import PATH…\naispend analyze\naispend recommend", language=None)
    st.markdown("Or look around with the sample company:")
    st.code("aispend up --sample", language=None)


def figures(items: Iterable[Figure]) -> None:
    """The few numbers of a page, side by side and equally wide where there is room (see ``style.css``)."""
    with st.container(horizontal=True, gap="small", key="figures"):
        for item in items:
            st.metric(
                item.title,
                item.value,
                item.note or None,
                delta_color="off",
                delta_arrow="off",
                help=item.explained,
                border=True,
            )


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Collection[str] = (),
    whole: Collection[str] = (),
    total: Sequence[str] | None = None,
) -> None:
    """A table of texts that are already formatted; the columns named in ``right`` are numbers.

    Cells of the columns named in ``whole`` stay on one line where the screen is wide: dates, for one.

    Where it is wider than the screen it moves sideways under its first column; a shadow says on which side more is.
    """
    sides = [' class="right"' if head in right else ' class="short"' if head in whole else "" for head in heads]
    header = "".join(f"<th{side}>{html.escape(head)}</th>" for head, side in zip(heads, sides, strict=True))
    body = "".join(f"<tr>{_cells(row, sides)}</tr>" for row in rows)
    if total is not None:
        body += f'<tr class="total">{_cells(total, sides)}</tr>'
    inside = f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    st.html(f'<div class="aispend-table" tabindex="0">{inside}</div>')


def _cells(row: Sequence[Cell], sides: Sequence[str]) -> str:
    return "".join(f"<td{side or _side(cell)}{_shown(cell)}</td>" for cell, side in zip(row, sides, strict=True))


def _side(cell: Cell) -> str:
    return ' class="short"' if isinstance(cell, str) and len(cell) <= _SHORT else ""


def _shown(cell: Cell) -> str:
    if isinstance(cell, Lines):
        title = f' title="{html.escape(cell.full)}"' if cell.full else ""
        small = f"<small>{html.escape(cell.below)}</small>" if cell.below else ""
        return f"{title}>{html.escape(cell.shown)}{small}"
    if isinstance(cell, Mark):
        small = f"<small>{html.escape(cell.below)}</small>" if cell.below else ""
        sign = f'<span class="aispend-mark {cell.tone}" aria-hidden="true">{_SIGNS[cell.tone]}</span>'
        return f">{sign} {html.escape(cell.shown)}{small}"
    if isinstance(cell, Short):
        return f' title="{html.escape(cell.full)}">{html.escape(cell.shown)}'
    return f">{html.escape(cell)}"


def long_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    right: Collection[str] = (),
    whole: Collection[str] = (),
    more: str = "more",
) -> None:
    """A table of the first rows, those that matter most, with the others behind a click that says how many."""
    shown = _AT_FIRST if len(rows) > _AT_FIRST + 1 else len(rows)
    table(heads, rows[:shown], right=right, whole=whole)
    if rows[shown:]:
        with st.expander(f"{len(rows) - shown} {more}"):
            table(heads, rows[shown:], right=right, whole=whole)


def band(low: Decimal | None, high: Decimal | None, level: Decimal | None) -> str:
    """Between which amounts a forecast lies, and how surely: ``80 %: 170.00 – 210.00``."""
    if low is None or high is None:
        return "no band yet"
    return f"{percent(level)}: {money(low)} – {money(high)}"


def heading(text: str, below: str = "") -> None:
    """A heading made of data, with a smaller line below it."""
    small = f"<small>{html.escape(below)}</small>" if below else ""
    st.html(f'<h3 class="aispend-heading">{html.escape(text)}{small}</h3>')


def markdown_safe(text: str) -> str:
    """``text`` such that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def provider(value: str | None) -> str:
    """A cloud's name."""
    return "no cloud known" if value is None else PROVIDERS.get(value, value)


def model(value: object) -> str:
    """A model's name."""
    return NO_MODEL if value is None else str(value)


def stage(value: str) -> str:
    """A stage in words."""
    return _STAGES.get(value, words(value))


def words(value: object) -> str:
    """A word of our own tables in plain English: ``very_low`` as ``very low``."""
    return UNKNOWN if value is None else str(value).replace("_", " ")


def reason(value: object) -> Lines:
    """A share's reason in words, with what it means."""
    return Lines(*_REASONS.get(str(value), (words(value), "")))


def shortened(name: str, length: int = _NAME_LENGTH) -> str:
    """The telling end of a resource id: what follows its last slash, the middle left out where it is long.

    What is no single resource is called by its name.
    """
    return trimmed(subject_name(name) or name.rstrip("/").rsplit("/", 1)[-1], length)


def trimmed(text: str, length: int) -> str:
    """``text``, its middle left out where it is longer than ``length``."""
    tail = (length - 1) // 2
    return text if len(text) <= length else f"{text[: length - 1 - tail]}…{text[-tail:]}"


def called(name: str | None, resource_id: str, length: int = _NAME_LENGTH) -> str:
    """What people call a resource; the end of its id where it has no name."""
    return trimmed(name, length) if name else shortened(resource_id, length)


def resource(name: str | None, resource_id: str) -> Lines:
    """A resource as a cell: its name first, its id below where that says more."""
    shown, end = called(name, resource_id), shortened(resource_id)
    return Lines(shown, end if shown != end else "", resource_id)


def amount(row: SpendRow, cost: CostColumn) -> str:
    """A row's cost; with a star where it leaves out bills or charges that do not give it."""
    return money(row.costs.of(cost)) + star(cost in row.partly_unknown)


def star(is_part: bool) -> str:
    """What stands behind an amount that leaves something unknown out."""
    return "*" if is_part else ""


def total(spend: Spend, currency: str, cost: CostColumn) -> str:
    """The cost of everything in ``currency``, with a star where it leaves something out."""
    found = next((total for total in spend.totals if total.currency == currency), None)
    return money(None) if found is None else money(found.costs.of(cost)) + star(cost in found.partly_unknown)


def whole(spend: Spend, currency: str) -> Costs:
    """The costs of everything in ``currency``."""
    found = next((total.costs for total in spend.totals if total.currency == currency), None)
    return found or Costs(None, None, None, None)


def part(amount_of_row: Decimal | None, all_of_it: Decimal | None) -> str:
    """Share of a row in the whole."""
    return UNKNOWN if amount_of_row is None or not all_of_it else percent(rate(amount_of_row, all_of_it), 1)
