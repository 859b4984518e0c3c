"""What a budget covers: which rows of the ledger, as conditions of SQL, and in words.

Method      By provider, account, service, region, model, team and stage the roll-up by day tells; tags, resources and
            SKUs only the charges know, divided by their shares. Patterns are held against the values there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from aispend.tag_keys import said, tag_values
from aispend.watching import Budget, BudgetMatch
from analyzer.budget_path import fits

_LONGEST_CHARGE = timedelta(days=62)


@dataclass(frozen=True)
class Covered:
    """Rows of a budget: those of ``source`` that meet ``by_day``, over a relation ``d`` with the columns of days.

    ``by_charge`` are conditions over a charge ``c``, held in ``source`` already.
    """

    source: str
    by_day: str
    by_charge: str
    parameters: Mapping[str, Any]


def covered(connection: Connection, budget: Budget, first: date, end: date) -> Covered:
    """What ``budget`` covers from ``first`` up to, not including, ``end``; both are among the parameters."""
    parameters: dict[str, Any] = {"first": first, "end": end}
    conditions = ["d.is_ai"] if budget.ai_only else []
    for name, values in _matching(connection, budget.match, parameters).items():
        conditions.append(f"d.{name} = ANY(:{name})")
        parameters[name] = values
    source, by_charge = "spend_day", ""
    keys = _charge_keys(connection, budget.match)
    if keys:
        by_charge = "".join(f" AND c.{name} = ANY(:{name})" for name in keys)
        source = _FROM_CHARGES.format(only=by_charge)
        parameters |= {**keys, "first_month": first - _LONGEST_CHARGE, "end_month": end + _LONGEST_CHARGE}
    return Covered(source, "".join(f" AND {one}" for one in conditions), by_charge, parameters)


def covers(budget: Budget) -> str:
    """What a budget covers, in words."""
    match = budget.match
    fields = [f"{name} {value}" for name in (*_FIELDS, *_OF_CHARGES) if (value := getattr(match, name)) is not None]
    fields += [f"tag {key} {value}" for key, value in match.tags.items()]
    what = "AI spend" if budget.ai_only else "all spend"
    return f"{what}, {', '.join(fields)}" if fields else what


def _matching(connection: Connection, match: BudgetMatch, span: Mapping[str, Any]) -> dict[str, list[str]]:
    """Per field that is given, the values in the ledger that fit."""
    found = {}
    for name in _FIELDS:
        pattern = getattr(match, name)
        if pattern is None:
            continue
        values = connection.scalars(text(_VALUES.format(name=name)), span).all()
        names: Mapping[str, set[str]] = {}
        if name == "account":
            names = {value: set() for value in values}
            for account, label in connection.execute(text(_ACCOUNT_NAMES), {"accounts": list(values)}):
                names[account].add(label)
        found[name] = [value for value in values if any(fits(one, pattern) for one in (value, *names.get(value, ())))]
    return found


def _charge_keys(connection: Connection, match: BudgetMatch) -> dict[str, list[int]]:
    """Per key of charges that is asked for, those that fit: tag sets, resources, SKUs."""
    found = {}
    if match.tags:
        found["tag_set_key"] = _tag_sets(connection, match.tags)
    for name, (key, query) in _OF_CHARGES.items():
        pattern = getattr(match, name)
        if pattern is not None:
            rows = connection.execute(text(query))
            found[key] = [number for number, *names in rows if any(fits(one, pattern) for one in names if one)]
    return found


def _tag_sets(connection: Connection, wanted: Mapping[str, str]) -> list[int]:
    """Tag sets that have every wanted tag."""
    return [
        key
        for key, tags in connection.execute(text("SELECT tag_set_key, tags FROM tag_set"))
        if all(
            any(fits(value, pattern) for value in said(tags, name) or tag_values(tags, name))
            for name, pattern in wanted.items()
        )
    ]


_FIELDS = ("provider", "account", "service", "region", "model", "team", "stage")
_OF_CHARGES: Mapping[str, tuple[str, str]] = {
    "resource_id": ("resource_key", "SELECT resource_key, resource_id FROM resource WHERE resource_id <> ''"),
    "sku": ("sku_key", "SELECT sku_key, sku_id, sku_meter FROM sku"),
}
"""What only charges know: their key, and the keys with the texts a pattern may fit."""
_VALUES = """
    SELECT DISTINCT {name} FROM spend_day
    WHERE charge_date >= :first AND charge_date < :end AND {name} IS NOT NULL"""

_ACCOUNT_NAMES = """
    SELECT coalesce(sub_account_id, billing_account_id), coalesce(sub_account_name, billing_account_name) FROM account
    WHERE coalesce(sub_account_id, billing_account_id) = ANY(:accounts)
      AND coalesce(sub_account_name, billing_account_name) IS NOT NULL"""

_FROM_CHARGES = """
    (SELECT c.charge_date, c.slice_id, k.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account,
            k.service_name AS service, l.region_id AS region, t.model, t.team, t.stage, t.is_ai, ck.charge_category,
            ck.billing_currency AS currency, s.billed_cost, s.effective_cost,
            (s.billed_cost IS NULL)::int + 2 * (s.effective_cost IS NULL)::int AS unknown_costs
     FROM charge c JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
     JOIN share_target t USING (target_key) JOIN sku k USING (sku_key) JOIN account a USING (account_key)
     JOIN charge_kind ck USING (charge_kind_key) LEFT JOIN location l USING (location_key)
     WHERE c.billing_month BETWEEN :first_month AND :end_month{only})"""
