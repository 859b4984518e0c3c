"""What cost is made of in two periods: the cells and pools :mod:`analyzer.variance` explains the change between.

Assumes     analyzed months.
Method      Shares of both periods are summed to cells: a SKU in a region and account, on spot or not, for a model,
            team and stage. Accelerators count in accelerator hours, tokens in tokens, whatever their SKU, so that
            machines of other types and classes of tokens are one pool per provider, model and stage; the rest counts
            in its SKU's own unit. Idle shares are pools of their own. Demand is what the model served in both periods
            (analyzer.served). By account, service, region and team each value is a pool of its own as well, with
            what it served itself where that is known: what goes from one to the other is less use of one and more of
            the other, and no mix of either. So it is by resource or tag, of which nobody knows what they served.
Cases       Spend that is not AI has no model to serve: it is kept by service, and its change is not taken apart.
            A charge without effective cost is left out, its quantity as well; the cells that miss one say so, and
            their pool has no demand, which was served by what is left out too. Where a bill has no effective cost at
            all, its billed cost is taken.
            In one currency, each day's cost is worth what it is at the day's exchange rate (analyzer.conversion); what
            has no rate is left out of its period and named.
Drawbacks   A charge belongs to its first day, so that a fee of a month falls into the period its first day is in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row, text

from aispend.clock import month_of, next_month
from aispend.money import exact_sum
from aispend.tag_keys import spellings
from analyzer.charges import HOURS_BILLED
from analyzer.conversion import NO_STEPS, STEPS, Conversion, Converter, Period
from analyzer.served import SPANNING, PartOf, Payer, Served, Use, served, served_by
from analyzer.variance import NOTHING, Amount, Cell, Kind, Pool, Worth


@dataclass(frozen=True)
class CellName:
    """What a cell is, for cuts and for words. ``unit`` is what its quantity counts; None where nothing is counted."""

    provider: str
    account: str | None
    service: str | None
    region: str | None
    model: str | None
    team: str | None
    stage: str
    is_ai: bool
    currency: str
    what: str | None
    is_spot: bool
    unit: str | None
    sku_key: int
    kind: Kind
    narrower: tuple[str | None, ...] = field(default=(), kw_only=True)
    """Values of the resource and tags that were asked for, in that order."""


@dataclass(frozen=True)
class Drivers:
    """Pools of one currency each: ``pools`` by the cuts asked for, ``whole`` without them, of the same cost.

    ``served``: the demand of the whole, where known. ``lacking``: cells that miss charges without effective cost.
    ``conversion`` where one currency was asked for, of the cells of both.
    """

    pools: tuple[Pool[CellName], ...]
    whole: tuple[Pool[CellName], ...]
    served: Mapping[Use, Served]
    lacking: frozenset[CellName]
    conversion: Conversion[CellName] | None = None


def drivers(
    connection: Connection,
    before: Period,
    after: Period,
    *,
    ai_only: bool = True,
    currency: str | None = None,
    by: Sequence[str] = (),
) -> Drivers:
    """Cells of both periods, in pools. A cell that is missing in one of them holds nothing there.

    With ``currency`` each cell is also worth so much of it (:class:`Conversion`). Of ``by``, each value of ``resource``
    and ``tag:KEY`` is a cut of cells and pools, each of :data:`SPANNING` one of pools; others cut no pool.
    """
    narrower = [name for name in by if name == RESOURCE or name.startswith(TAG_PREFIX)]
    extra, tag_keys = _narrower(connection, narrower)
    query = _CELLS.format(only="AND t.is_ai" if ai_only else "", extra=extra)
    amounts: dict[CellName, list[Amount]] = {}
    lacking = set()
    converter: Converter[CellName] | None = (
        None if currency is None else Converter.of(connection, currency, (before, after))
    )
    for side, (first, end) in enumerate((before, after)):
        scope = {
            "first": first,
            "end": end,
            "first_month": _month_before(first),
            "last_month": next_month(month_of(end)),
            **(converter.steps if converter else NO_STEPS),
            **tag_keys,
        }
        for row in connection.execute(text(query), scope):
            name = CellName(*row[:14], narrower=tuple(row.narrower))
            if converter and not converter.convert(name, name.currency, side, row.effective, row.step):
                continue
            both = amounts.setdefault(name, [NOTHING, NOTHING])
            both[side] = _amount(row) if both[side] is NOTHING else _sum(both[side], _amount(row))
            if row.lacks:
                lacking.add(name)
    conversion = converter.conversion() if converter else None
    of_all = served(connection, before, after)
    spanning = [name for name in by if name in SPANNING]
    together = amounts
    if narrower:
        together, conversion = _without_narrower(amounts, conversion)
        lacking |= {_plain(name) for name in lacking}
    whole = _pools(together, lacking, {(use, ()): one for use, one in of_all.items()})
    pools = whole
    if spanning or narrower:
        payers = {_payer(name) for name in amounts if name.model is not None and name.kind == "use"}
        own = {} if narrower else served_by(connection, before, after, of_all=of_all, payers=payers, cuts=spanning)
        pools = _pools(amounts, lacking, own, spanning)
    return Drivers(pools, whole, of_all, frozenset(lacking), conversion)


def _pools(
    amounts: Mapping[CellName, Sequence[Amount]],
    lacking: Collection[CellName],
    demand: Mapping[PartOf, Served],
    spanning: Sequence[str] = (),
) -> tuple[Pool[CellName], ...]:
    """Cells in their pools, each value of ``spanning`` in one of its own. Of one whose cells miss a charge the demand
    is not told: what is left out served some of it."""
    grouped: dict[tuple[Any, ...], list[Cell[CellName]]] = {}
    for name, (old, new) in amounts.items():
        values = tuple(getattr(name, cut) for cut in spanning)
        grouped.setdefault((*_pool(name), *values), []).append(Cell(name, name.kind, old, new))
    pools = []
    for cells in grouped.values():
        key = cells[0].key
        found = None
        if key.model is not None and key.kind == "use" and not any(cell.key in lacking for cell in cells):
            found = demand.get((_use(key, key.model), tuple(getattr(key, cut) for cut in spanning)))
        pools.append(Pool(cells, None if found is None else (found.before, found.after)))
    return tuple(pools)


def _without_narrower(
    amounts: Mapping[CellName, Sequence[Amount]], conversion: Conversion[CellName] | None
) -> tuple[dict[CellName, list[Amount]], Conversion[CellName] | None]:
    """The cells without resource and tags, and the conversion of these beside the others."""
    found: dict[CellName, list[Amount]] = {}
    worth: dict[CellName, Worth] = {}
    for name, both in amounts.items():
        plain = _plain(name)
        found[plain] = [_sum(*pair) for pair in zip(found[plain], both, strict=True)] if plain in found else [*both]
        if conversion is not None:
            one = conversion.worth[name]
            other = worth.get(plain, Worth(Fraction(0), Fraction(0), one.rate))
            worth[plain] = Worth(other.before + one.before, other.after + one.after, one.rate)
    return found, None if conversion is None else replace(conversion, worth={**conversion.worth, **worth})


def _plain(name: CellName) -> CellName:
    return replace(name, narrower=())


def _use(name: CellName, model: str) -> Use:
    return Use(name.provider, model, name.stage, name.currency)


def _payer(name: CellName) -> Payer:
    return Payer(_use(name, name.model or ""), name.account, name.service, name.region, name.team)


def _narrower(connection: Connection, names: Sequence[str]) -> tuple[str, dict[str, list[str]]]:
    """SQL of the resource and tags asked for, a text array, and the spellings of each tag's key."""
    parts, written = [], {}
    for place, name in enumerate(names):
        if name == RESOURCE:
            parts.append("(SELECT nullif(r.resource_id, '') FROM resource r WHERE r.resource_key = c.resource_key)")
            continue
        as_asked, alike = spellings(connection.scalars(text(_TAG_KEYS)), name.removeprefix(TAG_PREFIX))
        written[f"tag_{place}"] = [*as_asked, *alike]
        parts.append(_TAG_VALUE.format(keys=f"tag_{place}"))
    return f"ARRAY[{', '.join(parts)}]::text[]", written


def _amount(row: Row[Any]) -> Amount:
    return Amount(row.quantity, row.contracted, row.effective)


def _sum(one: Amount, other: Amount) -> Amount:
    """Two parts of a cell, which were billed at different exchange rates; unknown where one is."""

    def added(a: Decimal | None, b: Decimal | None) -> Decimal | None:
        return None if a is None or b is None else exact_sum((a, b))

    return Amount(
        added(one.quantity, other.quantity),
        added(one.contracted, other.contracted),
        exact_sum((one.effective, other.effective)),
    )


def _pool(name: CellName) -> tuple[Any, ...]:
    shared = name.unit in (ACCELERATOR_HOURS, TOKENS)
    return (
        *(name.provider, name.model, name.stage, name.currency, name.unit, name.kind, name.is_ai, name.narrower),
        *(() if shared else (name.sku_key, name.service)),
        *(() if shared and name.model else (name.account, name.team)),
    )


def _month_before(day: date) -> date:
    """A charge may be billed the month after its day, or the month before where a fee is billed ahead."""
    first = month_of(day)
    return date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)


RESOURCE, TAG_PREFIX = "resource", "tag:"

_TAG_KEYS = "SELECT DISTINCT jsonb_object_keys(tags) AS key FROM tag_set ORDER BY key"
_TAG_VALUE = """(SELECT g.tags ->> spelt.key
    FROM tag_set g, unnest(CAST(:{keys} AS text[])) WITH ORDINALITY AS spelt (key, place)
    WHERE g.tag_set_key = c.tag_set_key AND g.tags ->> spelt.key IS NOT NULL ORDER BY spelt.place LIMIT 1)"""

ACCELERATOR_HOURS, TOKENS = "accelerator hours", "tokens"

_UNIT = f"""CASE WHEN NOT t.is_ai THEN NULL
    WHEN s.accelerators > 0 THEN '{ACCELERATOR_HOURS}'
    WHEN s.unit_class IN ('input', 'cached_input', 'cache_write', 'output') AND s.units_per_pricing_unit > 0
    THEN '{TOKENS}' ELSE s.pricing_unit END"""

_QUANTITY = f"""CASE WHEN NOT t.is_ai THEN NULL
    WHEN s.accelerators > 0 THEN s.accelerators * {HOURS_BILLED}
    WHEN s.unit_class IN ('input', 'cached_input', 'cache_write', 'output') AND s.units_per_pricing_unit > 0
    THEN c.pricing_quantity * s.units_per_pricing_unit ELSE c.pricing_quantity END"""

_KIND = """CASE WHEN k.charge_category = 'Tax' THEN 'tax'
    WHEN k.charge_category IN ('Credit', 'Adjustment') THEN 'credits'
    WHEN t.reason = 'commitment_unused' THEN 'commitment'
    WHEN t.reason = 'idle' THEN 'idle' ELSE 'use' END"""

_PART = """coalesce(x.effective_cost / nullif(c.effective_cost, 0), x.billed_cost / nullif(c.billed_cost, 0),
    x.list_cost / nullif(c.list_cost, 0),
    1.0 / (SELECT count(*) FROM cost_share n WHERE n.billing_month = x.billing_month AND n.slice_id = x.slice_id
           AND n.half = x.half AND n.ordinal = x.ordinal))"""
"""The part of its charge that a share is; where nothing was paid, all shares are alike."""

_CELLS = f"""
    SELECT provider, account, service, region, model, team, stage, is_ai, currency, what, is_spot, unit, sku_key, kind,
           step, narrower,
           CASE WHEN unit IS NOT NULL AND count(*) FILTER (WHERE effective IS NOT NULL AND quantity IS NULL) = 0
                THEN coalesce(sum(quantity) FILTER (WHERE effective IS NOT NULL), 0) END AS quantity,
           CASE WHEN count(*) FILTER (WHERE effective IS NOT NULL AND contracted IS NULL) = 0
                THEN coalesce(sum(contracted) FILTER (WHERE effective IS NOT NULL), 0) END AS contracted,
           coalesce(sum(effective), 0) AS effective, bool_or(lacks) AS lacks
    FROM (SELECT a.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, s.service_name AS service,
                 l.region_id AS region, t.model, t.team, t.stage, t.is_ai, k.billing_currency AS currency,
                 CASE WHEN t.is_ai THEN coalesce(s.instance_type, s.sku_meter, s.charge_description) END AS what,
                 coalesce(k.pricing_category = 'Dynamic', false) AS is_spot, {_UNIT} AS unit,
                 CASE WHEN t.is_ai THEN c.sku_key ELSE 0 END AS sku_key, {_KIND} AS kind,
                 ({_QUANTITY}) * {_PART} AS quantity, x.contracted_cost AS contracted,
                 CASE WHEN 'effective_cost' = ANY(b.columns_known) THEN x.effective_cost ELSE x.billed_cost END
                 AS effective,
                 'effective_cost' = ANY(b.columns_known) AND x.effective_cost IS NULL AS lacks, rate.step,
                 {{extra}} AS narrower
          FROM charge c
          JOIN cost_share x USING (billing_month, slice_id, half, ordinal)
          JOIN share_target t USING (target_key)
          JOIN slice b USING (slice_id)
          JOIN account a USING (account_key)
          JOIN sku s USING (sku_key)
          JOIN charge_kind k USING (charge_kind_key)
          LEFT JOIN location l USING (location_key)
          LEFT JOIN {STEPS} AS rate ON rate.code = k.billing_currency AND rate.day = c.charge_date
          WHERE c.billing_month BETWEEN :first_month AND :last_month
            AND c.charge_date >= :first AND c.charge_date < :end
            AND (c.half <> 1 OR position('+' IN b.dataset) = 0) {{only}}) AS cell
    WHERE effective IS NOT NULL OR lacks
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16"""
