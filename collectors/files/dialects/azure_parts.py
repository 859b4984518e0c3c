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
    - A file without commitments, given together with files of its account and month that have some, is told by the set
      of them (``azure_sets``).
    - Two whole files with the same lines in another order are the two exports of a month without commitments: the
      second is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aispend.errors import InputError
from collectors.files.dialects.azure_sets import ACTUAL, AMORTIZED, Piece, settled
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Look, Part
from collectors.files.dialects.styles import numbered

WHOLE = "whole"
COSTS = ("CostInBillingCurrency", "Cost", "PreTaxCost")
_DECLARED = {"actualcost": ACTUAL, "amortizedcost": AMORTIZED}


@dataclass(frozen=True)
class _Facts:
    amortized: int
    purchases: int
    free_committed: int
    piece: Piece


def parts(looks: Sequence[Look]) -> list[Part]:
    """The part of every file given together.

    Raises ``InputError`` where one file holds lines of both exports, or contradicts its manifest, or where it cannot
    be told to which export it belongs.
    """
    facts = [_facts(look) for look in looks]
    found = [Part(_kind(look, fact)) for look, fact in zip(looks, facts, strict=True)]
    halves: dict[str, list[Piece]] = {ACTUAL: [], AMORTIZED: []}
    for part, fact in zip(found, facts, strict=True):
        if part.name in halves:
            halves[part.name].append(fact.piece)
    taken = frozenset[str]().union(*(piece.periods for known in halves.values() for piece in known))
    seen: dict[str, str] = {}
    beside: dict[int, Piece] = {}
    for place, (look, fact) in enumerate(zip(looks, facts, strict=True)):
        if found[place].name != WHOLE:
            continue
        if fact.piece.periods & taken:
            beside[place] = fact.piece
        elif fact.piece.lines in seen:
            same = seen[fact.piece.lines]
            why = f"the same lines as {same}: without commitments, actual and amortised cost are one bill"
            found[place] = replace(found[place], leave_out=why)
        else:
            seen[fact.piece.lines] = look.shown_as
    if beside:
        for place, part in settled(halves, beside).items():
            found[place] = part
    return found


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
    subscription = columns.text("SubscriptionId", "SubscriptionGuid") or "''"
    rows = look.ask(
        f"SELECT count(*) FILTER ({kind} LIKE 'unused%' OR ({committed} AND {kind} = 'usage' AND {cost} <> 0)), "
        f"count(*) FILTER ({committed} AND {kind} IN ('purchase', 'refund')), "
        f"count(*) FILTER ({committed} AND {kind} = 'usage' AND {cost} = 0 AND {quantity} > 0), "
        f"count(*)::VARCHAR || ' ' || coalesce(sum(hash({identity})::HUGEINT)::VARCHAR, ''), "
        f"list_sort(list(DISTINCT lower(coalesce({account}, '')) || ' ' || coalesce({period}, ''))), "
        f"list_sort(list(DISTINCT lower(coalesce({subscription}, '')))) FROM raw"
    )
    amortized, purchases, free, lines, periods, subscriptions = rows[0]
    piece = Piece(
        look,
        _texts(periods),
        _texts(subscriptions),
        str(lines),
        identity,
        plain_usage=f"NOT coalesce({committed}, FALSE) AND {kind} = 'usage'",
    )
    return _Facts(int(str(amortized)), int(str(purchases)), int(str(free)), piece)


def _texts(found: object) -> frozenset[str]:
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


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
    found = ", ".join(f"lower({text})" for name in names if (text := columns.text(name)))
    return ", ".join(text for text in (found, columns.text(*COSTS)) if text)
