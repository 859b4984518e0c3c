"""What cost is made of in two periods: the cells and pools :mod:`analyzer.variance` explains the change between.

Assumes     analyzed months.
Method      Shares of both periods are summed to cells: a SKU in a region and account, on spot or not, for a model,
            team and stage. Accelerators count in accelerator hours, tokens in tokens, whatever their SKU, so that
            machines of other types and classes of tokens are one pool per provider, model and stage; the rest counts
            in its SKU's own unit. Idle shares are pools of their own. Demand is what the model served in the
            period: successful requests, else tokens, where counted in both on all of the days that are known
            (analyzer.usage_days). By resource or tag each value is a pool of its own: what is new or gone is volume,
            and nobody knows what a machine or a tag served.
Cases       Spend that is not AI has no model to serve: it is kept by service, and its change is not taken apart.
            A charge without effective cost is left out of both periods, and the cells that miss one say so. Where
            a bill has no effective cost at all, its billed cost is taken.
            In one currency, each day's cost is worth what it is at the day's exchange rate (analyzer.conversion); what
            has no rate is left out of its period and named.
Drawbacks   A charge belongs to its first day, so that a fee of a month falls into the period its first day is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, text

from aispend.clock import month_of, next_month
from aispend.money import exact_sum
from aispend.schema import unit_cost
from aispend.tag_keys import plain_tag_key
from analyzer.charges import HOURS_BILLED
from analyzer.conversion import NO_STEPS, STEPS, Conversion, Converter, Period
from analyzer.tokens import TOKEN_CLASSES
from analyzer.usage_days import outside, usage_days
from analyzer.variance import NOTHING, Amount, Cell, Kind, Pool


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
class Served:
    """What a model served in the two periods, in ``unit`` (requests or tokens)."""

    unit: Literal["requests", "tokens"]
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Drivers:
    """Pools of one currency each; ``served`` by provider, model, stage and currency.

    ``lacking``: cells that miss charges without effective cost. ``conversion`` where one currency was asked for.
    """

    pools: tuple[Pool[CellName], ...]
    served: Mapping[tuple[str, str, str, str], Served]
    lacking: frozenset[CellName]
    conversion: Conversion[CellName] | None = None


def drivers(
    connection: Connection,
    before: Period,
    after: Period,
    *,
    ai_only: bool = True,
    currency: str | None = None,
    narrower: Sequence[str] = (),
) -> Drivers:
    """Cells of both periods, in pools. A cell that is missing in one of them holds nothing there.

    With ``currency`` each cell is also worth so much of it (:class:`Conversion`). ``narrower`` are ``resource`` and
    ``tag:KEY``, each a cut of cells and pools.
    """
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
    served = {} if narrower else _served(connection, before, after)
    grouped: dict[tuple[Any, ...], list[Cell[CellName]]] = {}
    for name, (old, new) in amounts.items():
        grouped.setdefault(_pool(name), []).append(Cell(name, name.kind, old, new))
    pools = tuple(Pool(cells, _demand(cells[0].key, served)) for cells in grouped.values())
    return Drivers(pools, served, frozenset(lacking), converter.conversion() if converter else None)


def _narrower(connection: Connection, names: Sequence[str]) -> tuple[str, dict[str, list[str]]]:
    """SQL of the resource and tags asked for, a text array, and the spellings of each tag's key."""
    parts, spellings = [], {}
    for place, name in enumerate(names):
        if name == RESOURCE:
            parts.append("(SELECT nullif(r.resource_id, '') FROM resource r WHERE r.resource_key = c.resource_key)")
            continue
        wanted = plain_tag_key(name.removeprefix(TAG_PREFIX))
        used = connection.scalars(text(_TAG_KEYS)).all()
        spellings[f"tag_{place}"] = [key for key in used if plain_tag_key(key) == wanted]
        parts.append(_TAG_VALUE.format(keys=f"tag_{place}"))
    return f"ARRAY[{', '.join(parts)}]::text[]", spellings


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


def _demand(key: CellName, served: Mapping[tuple[str, str, str, str], Served]) -> tuple[Decimal, Decimal] | None:
    if key.model is None or key.kind != "use":
        return None
    found = served.get((key.provider, key.model, key.stage, key.currency))
    return None if found is None else (found.before, found.after)


def _served(connection: Connection, before: Period, after: Period) -> dict[tuple[str, str, str, str], Served]:
    """What was served in both periods, of what is counted on all of their days of which the use is known or waited."""
    c = unit_cost.c
    tokens: ColumnElement[Any] = func.coalesce(c[f"{TOKEN_CLASSES[0]}_tokens"], 0)
    for one in TOKEN_CLASSES[1:]:
        tokens = tokens + func.coalesce(c[f"{one}_tokens"], 0)
    unknown = outside(usage_days(connection), unit_cost)
    earlier, later = (and_(c.day >= first, c.day < end) for first, end in (before, after))
    keys = (c.provider, c.model, c.stage, c.currency)
    statement = (
        select(
            *keys,
            func.sum(c.requests).filter(earlier).label("requests_before"),
            func.sum(c.requests).filter(later).label("requests_after"),
            func.sum(tokens).filter(earlier).label("tokens_before"),
            func.sum(tokens).filter(later).label("tokens_after"),
            func.bool_or(and_(c.requests.is_(None), or_(tokens > 0, unknown))).label("requests_unknown"),
            func.bool_or(and_(tokens == 0, unknown)).label("tokens_unknown"),
        )
        .where(c.basis == "allocation", c.model.is_not(None), c.effective_cost.is_not(None), or_(earlier, later))
        .group_by(*keys)
    )
    found = {}
    for row in connection.execute(statement):
        name = (row.provider, row.model, row.stage, row.currency)
        if row.requests_before and row.requests_after and not row.requests_unknown:
            found[name] = Served("requests", row.requests_before, row.requests_after)
        elif row.tokens_before and row.tokens_after and not row.tokens_unknown:
            found[name] = Served("tokens", row.tokens_before, row.tokens_after)
    return found


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
           CASE WHEN unit IS NOT NULL AND count(quantity) = count(*) THEN sum(quantity) END AS quantity,
           CASE WHEN count(contracted) = count(*) THEN sum(contracted) END AS contracted,
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
