"""What the bill has of AI and no kind was asked about, with the reason: what has no advice has its *why not*.

Assumes
    Who looks at costs looks at thirty days of them.
Method
    Resources with usage in the last ``ASKED_DAYS`` before the end of the evidence, less those something was said of.
    One whose last usage lies before the days that advice looks at has ended. What is bought by the token is looked at
    by model and team, whatever it is bought through, named as lists name them. For the rest there is no kind.
Cases
    Tokens of which the bill names no model. A cost that no charge of a resource gives: unknown. A charge of several
    days is of each of them alike.
Sources
    docs/advice.md.
Known drawbacks
    What the bill names no resource for has no line of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from aispend.advising import ASKED_DAYS, Recommend
from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import HOURS_PER_MONTH, Subject, WhyNot

_NAMED = 3
_STOP, _BATCH = "stop_idle", "batch"


def machine_days(options: Recommend) -> int:
    """How many days before the end of the evidence machines are looked at."""
    return max(options.idle.window_days, options.rightsize.window_days, options.schedule.window_days)


def unanswered(
    connection: Connection, as_of: datetime, options: Recommend, answered: Collection[tuple[str, str]]
) -> list[WhyNot]:
    """Reasons for resources that are not among ``answered`` (provider and id, those of tokens by model too).

    Their cost a month is that of the days that tokens are looked at.
    """
    until = as_of.date()
    window_days, cost_days = machine_days(options), options.batch.window_days
    window = until - timedelta(days=window_days)
    since = min(until - timedelta(days=ASKED_DAYS), window)
    asked = {
        "since": until - timedelta(days=ASKED_DAYS),
        "window": window,
        "cost_from": until - timedelta(days=cost_days),
        "until": until,
        "month": since.replace(day=1),
    }
    found = []
    for row in connection.execute(text(_BILLED), asked):
        if (row.provider, row.resource_id) in answered:
            continue
        kind, reason, explanation = _why(row, window_days, answered)
        cost = None if row.cost is None else row.cost * HOURS_PER_MONTH / (24 * cost_days)
        monthly = None if cost is None else round(cost, 2)
        found.append(WhyNot(kind, _subject(row, as_of), reason, explanation, monthly))
    return found


def _why(row: Any, window_days: int, answered: Collection[tuple[str, str]]) -> tuple[str, str, str]:
    if not row.is_recent:
        return (
            _STOP,
            "off",
            f"It is no longer billed: its last usage was on {row.last_day}, before the {window_days} days that are "
            "looked at.",
        )
    if row.platform != "token_api":
        return _STOP, "not_looked_at", f"No kind of advice looks at what it is ({row.platform or 'unknown'})."
    ours = [name for provider, name in answered if provider == row.provider and name.startswith("tokens:")]
    place = f"tokens:{row.account}/{row.region}/"
    bought = (of.rpartition("/") for of in row.bought if any(name.startswith(f"{place}{of}/") for name in ours))
    names = [f"tokens of {model}, {team}" for model, _, team in bought]
    if not names:
        return _BATCH, "model_unknown", "The bill does not name the model whose tokens are bought through it."
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        _BATCH,
        "by_model",
        "What is bought through it is looked at by model and team, with advice or reasons of its own: "
        f"{'; '.join(names[:_NAMED])}{more}.",
    )


def _subject(row: Any, as_of: datetime) -> Subject:
    return Subject(
        resource_key=row.resource_key,
        resource_id=row.resource_id,
        provider=row.provider,
        account=row.account,
        region=row.region,
        currency=row.currency,
        tags={},
        model=None,
        team=None,
        first_seen=row.first_seen or row.last_day,
        costs=(),
        as_of=as_of,
    )


_BILLED = f"""
    SELECT r.provider, r.resource_id, r.resource_key, r.first_seen, k.billing_currency AS currency,
           min(coalesce(a.sub_account_id, a.billing_account_id)) AS account, min(l.region_id) AS region,
           max(s.platform) AS platform, max(of_line.last) AS last_day, max(of_line.last) >= :window AS is_recent,
           array_remove(array_agg(DISTINCT coalesce(t.model, s.model) || '/' || coalesce(t.team, 'unknown')), NULL)
               AS bought,
           CASE WHEN bool_and(of_line.cost IS NOT NULL)
                THEN sum(of_line.cost * greatest(of_line.last + 1 - greatest(c.charge_date, :cost_from), 0)
                         / greatest(of_line.after - c.charge_date, 1)) END AS cost
    FROM charge c
    JOIN sku s USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN location l USING (location_key)
    JOIN resource r USING (resource_key)
    LEFT JOIN cost_share h USING (billing_month, slice_id, half, ordinal)
    LEFT JOIN share_target t USING (target_key)
    {JOIN_TO_DATE}
    CROSS JOIN LATERAL (
        SELECT {CHARGED_UNTIL} AS after,
               least(greatest({CHARGED_UNTIL}, c.charge_date + 1), :until) - 1 AS last,
               coalesce(h.effective_cost, h.billed_cost, c.effective_cost, c.billed_cost) AS cost
    ) AS of_line
    WHERE s.is_ai AND c.resource_key <> 0 AND k.charge_category = 'Usage'
      AND of_line.last >= :since AND c.charge_date < :until AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE dataset LIKE '%+%'))
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 5"""
