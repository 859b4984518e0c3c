"""What only the whole of a CUR can say: asked once, in one pass, before its lines are mapped.

Net columns
    For which payers and months they are filled. Where they are, private discounts are inside ``net_unblended_cost`` and
    the discount lines (EdpDiscount, …) say the same money again; where they are not, the discount lines are the only
    place.

Negation
    Whether covered usage and SavingsPlanNegation cancel exactly in a payer's month. If so neither was billed; if not,
    both keep what they say, so that the sum stays the invoice's.

Savings plans
    A plan's effective cost in a payer's month should add up to what was committed (``plan_total``): the covered lines'
    effective cost, and on the fee lines what went unused.

    ====================================================  ============================================================
    no line the plan covers is in the bill                each fee line's own total − used: the usage may stand in
                                                          another account's report
    a covered line does not say its effective cost        likewise: what was used cannot be added up
    Σ used of the fee lines = Σ effective of the covered  likewise (to 1e-9 per line, what such figures are rounded to)
    they differ, or a fee line has no used commitment     derived: max(0, Σ total − Σ effective of the covered), over
    or more than its total                                the fee lines by their totals; flagged, the plan is named
    ====================================================  ============================================================

    So covered + unused = committed; more only where covered lines alone cost more than was committed (flagged too).
    Where the net columns are in use all of this holds for net figures: the net commitment is the gross one less the
    discount on the fee, told from (the first that speaks) the net commitment columns, the fee lines' net and gross
    cost, the covered lines' net and gross effective cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from aispend.engine.line import literal
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Look, Row

DISCOUNTS = ("EdpDiscount", "BundledDiscount", "PrivateRateDiscount", "Discount")
_ROUNDED_TO = 1000
"""1e-9 in units: a CUR writes costs with ten decimals."""
_DIGITS = 37
"""Decimal digits every HUGEINT has room for."""


@dataclass(frozen=True)
class Evidence:
    """What was found.

    ``net`` and ``cancelled`` are SQL booleans over a line. ``unused`` and ``kept`` are SQL over a fee line: the share
    of its total commitment that went unused where the plan's own figures contradict its lines, and the share of
    (total − used) that private discounts leave; as counts of 10**-``decimals``, NULL for other plans, None where there
    are none. ``contradicted`` are the plans of the first. ``payers`` are those, with their months, of which
    ``net`` holds.
    """

    net: str = "FALSE"
    cancelled: str = "FALSE"
    unused: str | None = None
    kept: str | None = None
    decimals: int = 0
    contradicted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    payers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Plan:
    """One savings plan in one payer's month; amounts in units. ``kept`` is what discounts leave of a gross amount."""

    key: str
    arn: str
    month: str
    lines: int
    total: int
    size: int
    used: int
    doubtful: bool
    covered_lines: int
    covered_unsaid: int
    covered: int
    spent: int
    kept: Fraction

    @property
    def contradicted(self) -> bool:
        if not self.covered_lines or self.covered_unsaid or self.total <= 0:
            return False
        rounding = _ROUNDED_TO * self.lines
        apart = abs(self.used - self.covered) > rounding or abs(self.used * self.kept - self.spent) > rounding
        return self.doubtful or apart

    @property
    def unused(self) -> Fraction:
        """Share of the total commitment that no covered line used."""
        return max(Fraction(0), self.kept - Fraction(self.spent, self.total))

    @property
    def said(self) -> str:
        beyond = ", which is more than was committed" if self.spent > self.total * self.kept else ""
        return (
            f"Savings plan {self.arn}, {self.month}: committed {_shown(self.total)}, used {_shown(self.used)} by its "
            f"fee lines, {_shown(self.covered)} by the lines it covers{beyond}."
        )


def gather(
    look: Look, columns: Columns, *, line_type: str, account: str, month: str, plan: str | None, split: str | None
) -> Evidence:
    """One grouped pass over the whole bill; nothing is asked where the header leaves no question."""
    net = columns.find("line_item_net_unblended_cost")
    if net is None and plan is None and split is None:
        return Evidence()
    key = f"coalesce({account}, '') || '|' || coalesce(CAST({month} AS VARCHAR), '')"
    is_split = f"({split}) IS NOT NULL" if split else "FALSE"
    rows = look.ask(_question(columns, line_type=line_type, key=key, plan=plan, is_split=is_split))
    left_out = sum(_whole(row[3]) for row in rows if row[2])
    by_payer: dict[str, list[Row]] = {}
    for row in rows:
        if not row[2]:
            by_payer.setdefault(str(row[0]), []).append(row)
    uses_net = [payer for payer, group in by_payer.items() if any(row[4] for row in group)]
    cancelled = [
        payer
        for payer, group in by_payer.items()
        if any(row[7] for row in group) and sum(_whole(row[6 if payer in uses_net else 5]) for row in group) == 0
    ]
    plans = [
        _plan(row, net=payer in uses_net)
        for payer, group in by_payer.items()
        for row in group
        if row[1] is not None and row[8] is not None
    ]
    wrong = [one for one in plans if one.contradicted]
    discounted = [one for one in plans if one.kept != 1 and not one.contradicted]
    decimals = max(0, min(18, _DIGITS - max((len(str(one.size)) for one in plans), default=0)))
    where = f"{key} || '|' || {plan}"
    notes = [one.said for one in wrong[:5]]
    if left_out:
        notes.append(
            f"Lines of split cost allocation, which describe the money of other lines and are not added: {left_out:,}."
        )
    return Evidence(
        _among(key, uses_net, by_payer),
        _among(key, cancelled, by_payer),
        _shares({one.key: one.unused for one in wrong}, where, decimals),
        _shares({one.key: one.kept for one in discounted}, where, decimals),
        decimals,
        tuple(dict.fromkeys(one.arn for one in wrong)),
        tuple(notes),
        frozenset(uses_net),
    )


def _question(columns: Columns, *, line_type: str, key: str, plan: str | None, is_split: str) -> str:
    """SQL for a row per payer, month, plan and whether the lines are split ones.

    Figures of fees and covered lines are read on these lines only: CASE works out nothing for the others.
    """
    is_fee, is_covered = f"{line_type} = 'SavingsPlanRecurringFee'", f"{line_type} = 'SavingsPlanCoveredUsage'"
    moved = f"{line_type} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')"

    def units(name: str) -> str:
        return columns.units(name) or "CAST(NULL AS HUGEINT)"

    def either(first: str, second: str) -> str:
        return f"coalesce({units(first)}, {units(second)})" if columns.has(first) else units(second)

    def on(lines: str, value: str) -> str:
        return f"sum(CASE WHEN {lines} THEN {value} END)"

    def commitment(prefix: str) -> str:
        upfront, recurring = (
            f"{prefix}{part}_commitment_for_billing_period" for part in ("amortized_upfront", "recurring")
        )
        return f"coalesce({units(upfront)}, 0) + coalesce({units(recurring)}, 0)"

    total, used = units("savings_plan_total_commitment_to_date"), units("savings_plan_used_commitment")
    effective = units("savings_plan_savings_plan_effective_cost")
    effective_net = either("savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost")
    unblended = units("line_item_unblended_cost")
    filled = columns.text("line_item_net_unblended_cost")
    unsure = (
        f"CASE WHEN {total} IS NULL THEN FALSE WHEN {used} IS NULL THEN TRUE ELSE {used} > {total} + {_ROUNDED_TO} END"
    )
    asked = [
        key,
        f"CASE WHEN {is_fee} OR {moved} THEN {plan or 'NULL'} END",
        is_split,
        "count(*)",
        f"bool_or(({filled}) IS NOT NULL AND {line_type} NOT IN {_texts(DISCOUNTS)})" if filled else "FALSE",
        on(moved, unblended),
        on(moved, either("line_item_net_unblended_cost", "line_item_unblended_cost")),
        f"count(*) FILTER ({line_type} = 'SavingsPlanNegation')",
        on(is_fee, total),
        on(is_fee, f"abs({total})"),
        on(is_fee, used),
        f"bool_or(CASE WHEN {is_fee} THEN {unsure} ELSE FALSE END)",
        f"count(*) FILTER ({is_covered})",
        f"count(*) FILTER (CASE WHEN {is_covered} THEN {effective} IS NULL ELSE FALSE END)",
        on(is_covered, effective),
        on(is_covered, effective_net),
        on(is_fee, unblended),
        on(is_fee, units("line_item_net_unblended_cost")),
        *(on(is_fee, commitment(prefix)) for prefix in ("savings_plan_", "savings_plan_net_")),
    ]  # fmt: skip
    return f"SELECT {', '.join(asked)} FROM raw GROUP BY ALL ORDER BY ALL"


def _plan(row: Row, *, net: bool) -> _Plan:
    payer, arn, _, lines, *_ = row
    doubtful, covered_lines, unsaid, covered, covered_net, paid, paid_net, gross, after = row[11:]
    kept = Fraction(1)
    if net:
        pairs = ((after, gross), (paid_net, paid), (covered_net, covered))
        kept = next(
            (Fraction(_whole(left), _whole(whole)) for left, whole in pairs if _whole(whole) > 0 and _whole(left) > 0),
            kept,
        )
    return _Plan(
        key=f"{payer}|{arn}",
        arn=str(arn),
        month=str(payer).rsplit("|", 1)[1][:7],
        lines=_whole(lines),
        total=_whole(row[8]),
        size=_whole(row[9]),
        used=_whole(row[10]),
        doubtful=bool(doubtful),
        covered_lines=_whole(covered_lines),
        covered_unsaid=_whole(unsaid),
        covered=_whole(covered),
        spent=_whole(covered_net if net else covered),
        kept=kept,
    )


def _shares(shares: dict[str, Fraction], key: str, decimals: int) -> str | None:
    if not shares:
        return None
    names, numbers = (
        ", ".join(map(literal, shares)),
        ", ".join(str(round(one * 10**decimals)) for one in shares.values()),
    )
    return f"MAP([{names}], [{numbers}])[{key}]"


def _among(key: str, chosen: Sequence[str], known: dict[str, list[Row]]) -> str:
    if not chosen:
        return "FALSE"
    return "TRUE" if len(chosen) == len(known) else f"({key}) IN ({', '.join(map(literal, chosen))})"


def _texts(values: Sequence[str]) -> str:
    return f"({', '.join(map(literal, values))})"


def _whole(value: object) -> int:
    return 0 if value is None else int(str(value))


def _shown(units: int) -> str:
    return f"{Decimal(units).scaleb(-12).normalize():f}"
