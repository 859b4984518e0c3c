"""Which of Azure's two exports a file is: actual (cash) or amortised; decided by content, never by name.

Method, over all lines of a file
    amortised   a ChargeType UnusedReservation or UnusedSavingsPlan, or usage under a reservation or savings plan that
    costs
                something: only amortisation gives committed usage a price.
    actual      a purchase or refund of a reservation or savings plan, or usage under one that costs nothing.
    whole       neither: without commitments the two exports are the same, and its cost is billed and effective.

    A manifest's own word (ActualCost, AmortizedCost) decides where there is one; a file that contradicts it is refused.
    Zero-cost committed usage also occurs amortised (free hybrid-benefit reservations), so it only counts where nothing
    says amortised; a file with purchases *and* priced committed usage is neither, and refused.

Cases
    A file without commitments, given together with files of its account and month that have some, is
    - the other half of these, where it shows the lines they have without commitments again;
    - a part of the same export (another subscription, another chunk), where it shares no line with them;
    - a part of both exports, where both are there and neither has its lines: it counts in each;
    - refused, where it shares some.
    Two whole files with the same lines in another order are the two exports of a month without commitments: the second
    is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aispend.errors import InputError
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Look, Part
from collectors.files.dialects.styles import numbered

ACTUAL, AMORTIZED, WHOLE = "actual", "amortized", "whole"
COSTS = ("CostInBillingCurrency", "Cost", "PreTaxCost")
_MOST_LINES = 20_000
_DECLARED = {"actualcost": ACTUAL, "amortizedcost": AMORTIZED}


@dataclass(frozen=True)
class _Facts:
    amortized: int
    purchases: int
    free_committed: int
    lines: str
    periods: frozenset[str]


def parts(looks: Sequence[Look]) -> list[Part]:
    """The part of every file given together.

    Raises ``InputError`` where one file holds lines of both exports, or contradicts its manifest.
    """
    facts = [_facts(look) for look in looks]
    found = [Part(_kind(look, fact)) for look, fact in zip(looks, facts, strict=True)]
    halves: dict[str, set[str]] = {ACTUAL: set(), AMORTIZED: set()}
    for part, fact in zip(found, facts, strict=True):
        if part.name in halves:
            halves[part.name] |= fact.periods
    seen: dict[str, str] = {}
    for place, (look, fact) in enumerate(zip(looks, facts, strict=True)):
        if found[place].name != WHOLE:
            continue
        if fact.lines in seen:
            why = f"the same lines as {seen[fact.lines]}: without commitments, actual and amortised cost are one bill"
            found[place] = replace(found[place], leave_out=why)
            continue
        seen[fact.lines] = look.shown_as
        there = [half for half in (ACTUAL, AMORTIZED) if fact.periods & halves[half]]
        if there:
            others = {
                half: [
                    other
                    for other, each, part in zip(looks, facts, found, strict=True)
                    if part.name == half and each.periods & fact.periods
                ]
                for half in there
            }
            found[place] = _beside(look, others)
    return found


def _beside(look: Look, halves: dict[str, list[Look]]) -> Part:
    """What a file without commitments is, beside files of its account and month that have some."""
    mine = _lines(look)
    shared = {half: len(mine & frozenset().union(*map(_lines, files))) for half, files in halves.items()}
    (half, *more) = halves
    names = ", ".join(other.shown_as for files in halves.values() for other in files)
    if not any(shared.values()):
        if more:
            note = f"{look.shown_as} has no lines of commitments and counts in both exports it came with."
            return Part(ACTUAL, notes=(note,), also=AMORTIZED)
        note = f"{look.shown_as} has no lines of commitments and is read as part of the {half} export it came with."
        return Part(half, notes=(note,))
    if not more and shared[half] * 2 >= len(mine):
        other = AMORTIZED if half == ACTUAL else ACTUAL
        note = f"{look.shown_as} has no lines of commitments and shows those of the {half} export: read as {other}."
        return Part(other, notes=(note,))
    raise InputError(
        "This Azure file shows some of the lines of another: which of the two exports it belongs to cannot be told.",
        where=f"{look.shown_as}, beside {names}",
        next_step="Import each export's folder with its manifest.json, or one export at a time.",
    )


def _lines(look: Look) -> frozenset[str]:
    """What tells the lines apart, of up to some 20,000 of them: the same ones in every file that has them."""
    identity = _identity(numbered(look, COSTS))
    rows = look.ask(f"SELECT DISTINCT hash({identity})::VARCHAR FROM raw ORDER BY 1 LIMIT {_MOST_LINES}")
    return frozenset(str(row[0]) for row in rows)


def _kind(look: Look, facts: _Facts) -> str:
    if facts.amortized and facts.purchases:
        raise InputError(
            "This Azure file holds lines of both the actual and the amortised export.",
            where=f"{look.shown_as}: {facts.amortized} lines of amortised commitments, "
            f"{facts.purchases} commitment purchases",
            next_step="Export ActualCost and AmortizedCost as two files and import both together.",
        )
    seen = AMORTIZED if facts.amortized else ACTUAL if facts.purchases or facts.free_committed else WHOLE
    declared = _DECLARED.get((look.declared or "").lower())
    if declared and seen not in (WHOLE, declared) and not (declared == AMORTIZED and not facts.purchases):
        raise InputError(
            "The manifest and the lines disagree on what this export is.",
            where=f"{look.shown_as}: the manifest says {look.declared}, the lines are {seen}",
            next_step="Take the file from the same run as its manifest.json.",
        )
    return declared or seen


def committed_sql(columns: Columns) -> str:
    """SQL boolean: the line is of a reservation or savings plan."""
    named = [f"({text}) IS NOT NULL" for name in ("ReservationId", "benefitId") if (text := columns.text(name))]
    if model := columns.text("PricingModel"):
        named.append(f"lower(replace({model}, ' ', '')) IN ('reservation', 'savingsplan')")
    return f"({' OR '.join(named)})" if named else "FALSE"


def charge_type_sql(columns: Columns) -> str:
    """SQL: the line's ChargeType in lower case; usage where the export has no such column."""
    given = columns.text("ChargeType")
    return f"lower(coalesce({given}, 'Usage'))" if given else "'usage'"


def _facts(look: Look) -> _Facts:
    columns = numbered(look, COSTS)
    cost, kind, committed = columns.about(*COSTS), charge_type_sql(columns), committed_sql(columns)
    quantity = columns.about("Quantity", "UsageQuantity") or "1"
    identity = _identity(columns)
    account = columns.text("BillingProfileId", "BillingAccountId", "SubscriptionId", "SubscriptionGuid") or "''"
    period = columns.text("BillingPeriodStartDate", "Date", "UsageDateTime") or "''"
    rows = look.ask(
        f"SELECT count(*) FILTER ({kind} LIKE 'unused%' OR ({committed} AND {kind} = 'usage' AND {cost} <> 0)), "
        f"count(*) FILTER ({committed} AND {kind} IN ('purchase', 'refund')), "
        f"count(*) FILTER ({committed} AND {kind} = 'usage' AND {cost} = 0 AND {quantity} > 0), "
        f"count(*)::VARCHAR || ' ' || coalesce(sum(hash({identity})::HUGEINT)::VARCHAR, ''), "
        f"list_sort(list(DISTINCT lower(coalesce({account}, '')) || ' ' || coalesce({period}, ''))) FROM raw"
    )
    amortized, purchases, free, lines, periods = rows[0]
    known = periods if isinstance(periods, list) else []
    return _Facts(int(str(amortized)), int(str(purchases)), int(str(free)), str(lines), frozenset(map(str, known)))


def _identity(columns: Columns) -> str:
    """SQL list of what tells one line from another: the same in both exports, but for commitments."""
    names = (
        "Date",
        "UsageDateTime",
        "MeterId",
        "ResourceId",
        "InstanceId",
        "Quantity",
        "UsageQuantity",
        "SubscriptionId",
    )
    found = ", ".join(f"lower({text})" for name in (*names, *COSTS[:1]) if (text := columns.text(name)))
    return found or str(columns.about(*COSTS))
