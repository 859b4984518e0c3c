"""What each model cost on each day, beside how much it served: the ground of every cost per unit.

Assumes     the shares of the provider's bills of a month, and the usage of its models.
Method      Two bases. *allocation*: every share of AI spend, with the idle part of a resource put upon the models
            that used it that day, so that the sum over models is the AI spend of the bill. *usage*: the same, but
            what runs on accelerators counts only for the active part of the paid hours.
            The charge of a token-priced SKU belongs to its own class of tokens; the rest of a model's cost is
            divided over its token classes by :data:`analyzer.tokens.TOKEN_WEIGHTS`; where the day's prefill and
            decode times are measured, input and output are divided by these, as :func:`analyzer.tokens.token_split`
            does. The parts add up to the cost exactly.
            Usage of a resource belongs to the model its charges were placed on; usage of an API to the charges of
            provider, account and model. The stage and the currency are the charge's. What models carry of a shared
            cost, and hours of a server without a stage, go where it served (:mod:`analyzer.serving`).
Cases       Idle time that the setting puts upon a workload is that workload's already, and stays so.
            A charge of several days is divided equally over them. Cost without tokens has no class costs.
            Failed requests, reasoning tokens (part of the output) and good requests (:mod:`analyzer.goodput`) stand
            beside them and carry no cost of their own.
            Where no usage is known, the tokens a token-priced bill itself counts are taken; so they are of an account
            that no usage of the day names (:mod:`analyzer.usage_holes`), in a row of its own without requests (NULL).
            Usage of a day that another month's bill charges goes with the charge (:mod:`analyzer.late_bills`); where a
            day is in two bills, the one without its usage has zero requests of it.
            Usage that met no charge stands in a row of its own with unknown cost: it dilutes no rate.
            A charge without effective cost adds its volume but no cost: the row is partly unknown, and says so.
            What worked for a model on a day of which nothing was logged (:mod:`analyzer.usage_holes`) stands in a row
            of its own, without requests (NULL). Where a model had none on machines whose day was logged, its requests
            are zero, which is known.
            Paid hours are the bill's quantity in hours × accelerators of the SKU. Used hours are activity × paid
            hours where at least ``MEASURED`` of the paid hours were measured; else they, and the cost on the usage
            basis, are unknown. Of an Azure pair, cost and quantities come from the amortised half.
Drawbacks   A tag that names another model than the usage on its resource takes that usage along.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, text

from aispend.watching import LatencyTarget
from analyzer.exact_sql import split_exact_sql
from analyzer.goodput import SERVED_CLASSES, TIME_CLASSES, gather_served
from analyzer.hours import IDLE_ACTIVITY
from analyzer.late_bills import IS_LATE, find_claims
from analyzer.serving import find_what_is_on_shared, put_where_served
from analyzer.tokens import TOKEN_CLASSES, TOKEN_WEIGHTS
from analyzer.usage_holes import SERVING, find_unlogged

MEASURED = "0.8"
"""Part of the paid accelerator hours that must be measured before their use is stated."""

_LINE_COLUMNS = """day date, provider text, account_key bigint, resource_key bigint, currency text, model text,
    stage text, reason text, sku_model text, unit_class text, cost numeric, paid numeric, units numeric,
    partial boolean"""

_SHARES = """
    CREATE TEMP TABLE unit_share ON COMMIT DROP AS
    SELECT c.charge_date AS day, c.end_date, c.provider, c.account_key, c.resource_key, c.currency, t.model, t.stage,
           CASE WHEN o.cid IS NOT NULL THEN 'shared' WHEN t.workload IS NULL THEN t.reason ELSE 'used' END AS reason,
           c.sku_model, c.unit_class, sum(s.effective_cost) AS cost,
           sum(c.accelerator_hours * part.of_charge) FILTER (WHERE c.route IN ('use', 'shared')) AS paid,
           sum(c.units * part.of_charge) FILTER (WHERE c.route = 'use' AND c.unit_class IS NOT NULL) AS units,
           bool_or(s.effective_cost IS NULL) AS partial
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    LEFT JOIN of_shared o USING (cid, target_key)
    JOIN (SELECT cid, count(*) AS shares FROM share_now GROUP BY cid) AS n USING (cid)
    CROSS JOIN LATERAL (SELECT coalesce(s.effective_cost / nullif(c.effective_cost, 0),
                                        s.billed_cost / nullif(c.billed_cost, 0),
                                        s.list_cost / nullif(c.list_cost, 0), 1.0 / n.shares) AS of_charge) AS part
    WHERE t.is_ai
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM charge_now WHERE half = 2))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"""

_DAYS = f"""
    CREATE TEMP TABLE unit_line ({_LINE_COLUMNS}) ON COMMIT DROP;
    INSERT INTO unit_line
    SELECT day, provider, account_key, resource_key, currency, model, stage, reason, sku_model, unit_class, cost, paid,
           units, partial
    FROM unit_share WHERE end_date = day + 1;
    CREATE TEMP TABLE long_share ON COMMIT DROP AS
    SELECT row_number() OVER () AS share_id, * FROM unit_share WHERE end_date > day + 1;
    CREATE TEMP TABLE long_day ON COMMIT DROP AS
    SELECT share_id, d::date AS day, 1 AS w, cost
    FROM long_share CROSS JOIN LATERAL generate_series(day, end_date - 1, interval '1 day') AS d;
    INSERT INTO unit_line
    SELECT d.day, s.provider, s.account_key, s.resource_key, s.currency, s.model, s.stage, s.reason, s.sku_model,
           s.unit_class, d.cost, s.paid / (s.end_date - s.day), s.units / (s.end_date - s.day),
           s.partial
    FROM ({split_exact_sql("long_day", "share_id", "day", "w", ["cost"])}) AS d JOIN long_share s USING (share_id)"""

_IDLE = f"""
    CREATE TEMP TABLE idle_pool ON COMMIT DROP AS
    SELECT row_number() OVER () AS pool_id, day, resource_key, currency, sum(cost) AS cost, sum(paid) AS paid,
           bool_or(partial) AS partial
    FROM unit_line i WHERE reason = 'idle' AND resource_key <> 0 AND cost IS NOT NULL
      AND EXISTS (SELECT FROM unit_line u WHERE u.reason = 'used' AND u.resource_key = i.resource_key
                  AND u.day = i.day AND u.currency = i.currency AND u.cost > 0)
    GROUP BY day, resource_key, currency;
    CREATE TEMP TABLE idle_user ON COMMIT DROP AS
    SELECT p.pool_id, row_number() OVER (PARTITION BY p.pool_id ORDER BY u.model, u.stage) AS place, u.model, u.stage,
           min(u.provider) AS provider, min(u.account_key) AS account_key, sum(u.cost) AS w, p.cost
    FROM idle_pool p JOIN unit_line u USING (day, resource_key, currency)
    WHERE u.reason = 'used' AND u.cost > 0
    GROUP BY p.pool_id, u.model, u.stage, p.cost;
    DELETE FROM unit_line i USING idle_pool p
    WHERE i.reason = 'idle' AND i.cost IS NOT NULL AND i.day = p.day AND i.resource_key = p.resource_key
      AND i.currency = p.currency;
    INSERT INTO unit_line
    SELECT p.day, u.provider, u.account_key, p.resource_key, p.currency, u.model, u.stage, 'idle', NULL, NULL, d.cost,
           p.paid * u.w / sum(u.w) OVER (PARTITION BY u.pool_id), NULL, p.partial
    FROM ({split_exact_sql("idle_user", "pool_id", "place", "w", ["cost"])}) AS d
    JOIN idle_user u USING (pool_id, place) JOIN idle_pool p USING (pool_id)"""

_ACTIVE = f"""
    CREATE TEMP TABLE active_day ON COMMIT DROP AS
    SELECT p.resource_key, p.day, CASE WHEN m.hours >= {MEASURED} * p.paid THEN m.active / m.hours END AS active
    FROM (SELECT resource_key, day, sum(paid) AS paid FROM unit_line WHERE paid > 0 AND resource_key <> 0
          GROUP BY resource_key, day) AS p
    LEFT JOIN (SELECT resource_key, (hour AT TIME ZONE 'UTC')::date AS day, sum(active) AS active,
                      sum(accelerators) AS hours
               FROM measured_hour GROUP BY 1, 2) AS m USING (resource_key, day)"""

_SERVED_COLUMNS = ("failed_requests", "reasoning_tokens", "good_requests", "judged_requests")

_OWN_CLASSES = ", ".join(
    f"sum(cost) FILTER (WHERE unit_class = '{name}') AS own_{name},"
    f" sum(units) FILTER (WHERE unit_class = '{name}') AS billed_{name}"
    for name in TOKEN_CLASSES
)

_COSTS = f"""
    CREATE TEMP TABLE cost_day ON COMMIT DROP AS
    SELECT row_number() OVER () AS row_id, costs.*,
           CASE WHEN known >= {MEASURED} * paid THEN paid * used / nullif(known, 0) END AS used_hours
    FROM (SELECT day, provider, model, stage, currency, is_as_billed, is_as_billed OR is_silent AS is_unlogged,
                 sum(cost) AS cost, sum(paid) AS paid, bool_or(partial) AS partial,
                 sum(paid) FILTER (WHERE active IS NOT NULL) AS known, sum(paid * active) AS used,
                 sum(cost) FILTER (WHERE accelerated AND unit_class IS NULL) AS accelerated_cost,
                 coalesce(sum(cost) FILTER (WHERE unit_class IS NULL), 0) AS shared_cost,
                 {_OWN_CLASSES}
          FROM (SELECT l.*, a.active, a.resource_key IS NOT NULL OR l.paid > 0 AS accelerated,
                       s.day IS NOT NULL OR d.day IS NOT NULL AND a.resource_key IS NULL AS is_silent,
                       o.day IS NOT NULL AND a.resource_key IS NULL AND l.reason <> 'shared' AS is_as_billed
                FROM unit_line l
                LEFT JOIN active_day a USING (resource_key, day)
                LEFT JOIN unlogged_server s USING (day, provider, model, stage, currency, resource_key)
                LEFT JOIN unlogged_day d USING (day, provider, model, stage, currency)
                LEFT JOIN unlogged_account o USING (day, provider, model, stage, currency, account_key)) AS line
          GROUP BY day, provider, model, stage, currency, is_as_billed, is_silent) AS costs"""

_NEAR = """
    CREATE TEMP TABLE near_day ON COMMIT DROP AS
    SELECT DISTINCT day FROM unit_line
    WHERE reason IN ('used', 'direct') AND day >= CAST(:month AS date) - interval '1 month'
      AND day < CAST(:end AS date) + interval '1 month'"""
"""Days charged by the month's bills, outside it too: of these the usage is to be known, if only to belong elsewhere."""

_USAGE = """
    CREATE TEMP TABLE usage_day ON COMMIT DROP AS
    SELECT u.*, (u.day >= :month AND u.day < :end) <> {is_late} AS is_ours, r.model AS placed_model,
           r.stage AS placed_stage, r.currency
    FROM (SELECT resource_key, provider, account, day, model, coalesce(service_tier ~* 'batch', false) AS is_batch,
                 sum(quantity) FILTER (WHERE unit_class = 'request') AS requests, {classes}
          FROM (SELECT resource_key, provider, account, day, model, service_tier, unit_class, quantity FROM used_day
                UNION ALL SELECT * FROM served_day) AS counted
          WHERE (day >= :month AND day < :end OR day IN (SELECT day FROM near_day)) AND provider IS NOT NULL
          GROUP BY 1, 2, 3, 4, 5, 6) AS u
    LEFT JOIN LATERAL (
        SELECT l.model, l.stage, l.currency
        FROM unit_line l
        WHERE l.day = u.day AND l.provider = u.provider AND l.reason IN ('used', 'direct') AND (
              l.resource_key = u.resource_key AND u.resource_key <> 0 AND l.model IS NOT NULL
              AND (lower(l.model) = lower(u.model) OR NOT EXISTS (
                   SELECT FROM unit_line o WHERE o.day = l.day AND o.resource_key = l.resource_key
                   AND o.reason IN ('used', 'direct') AND o.model <> l.model))
           OR (u.resource_key IS NULL OR l.resource_key = 0)
              AND lower(u.model) IN (lower(l.model), lower(l.sku_model))
              AND (u.account IS NULL
                   OR (l.account_key, u.account) IN (SELECT account_key, name FROM account_name)))
        ORDER BY (l.resource_key = coalesce(u.resource_key, 0)) DESC, (lower(l.model) = lower(u.model)) DESC,
                 (l.stage = CASE WHEN u.is_batch THEN 'inference_batch' ELSE 'inference_online' END) DESC,
                 l.cost DESC NULLS LAST, l.currency, l.stage
        LIMIT 1) AS r ON true"""

_VOLUME = """
    CREATE TEMP TABLE volume_day ON COMMIT DROP AS
    SELECT day, provider, placed_model AS model, placed_stage AS stage, currency,
           CASE WHEN bool_or(is_ours) THEN sum(requests) FILTER (WHERE is_ours) ELSE 0 END AS requests, {served},
           {times}, {sums}, true AS is_known, false AS is_unlogged
    FROM usage_day WHERE placed_model IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5"""

_BASES = """
    CREATE TEMP TABLE basis_cost ON COMMIT DROP AS
    SELECT row_number() OVER () AS basis_id, b.*
    FROM (SELECT row_id, 'allocation' AS basis, shared_cost AS shared, cost FROM cost_day
          UNION ALL
          SELECT row_id, 'usage', shared_cost - coalesce(accelerated_cost, 0) + active,
                 cost - coalesce(accelerated_cost, 0) + active
          FROM (SELECT *, CASE WHEN accelerated_cost IS NULL THEN 0
                               ELSE round(accelerated_cost * used_hours / nullif(paid, 0), 12) END AS active
                FROM cost_day) AS scaled) AS b"""

_TOKENS = """
    CREATE TEMP TABLE token_part ON COMMIT DROP AS
    SELECT basis_id, place, shared,
           CASE WHEN prefill_us > 0 AND decode_us > 0 AND inputs > 0 AND outputs > 0
                THEN weighed * CASE WHEN is_output THEN decode_us * inputs ELSE prefill_us * outputs END
                ELSE weighed END AS w
    FROM (SELECT k.*, sum(weighed) FILTER (WHERE NOT is_output) OVER (PARTITION BY basis_id) AS inputs,
                 sum(weighed) FILTER (WHERE is_output) OVER (PARTITION BY basis_id) AS outputs
          FROM (SELECT b.basis_id, k.place, b.shared, k.quantity * k.weight AS weighed, k.is_output, v.prefill_us,
                       v.decode_us
                FROM basis_cost b
                JOIN cost_day c USING (row_id)
                LEFT JOIN volume_day v USING (day, provider, model, stage, currency, is_unlogged)
                CROSS JOIN LATERAL (VALUES {classes}) AS k (place, quantity, weight, is_output)
                WHERE k.quantity > 0) AS k) AS k"""
"""With times each input class is weighed by prefill × weighed output, the output by decode × weighed input, so that all
input is to the output as prefill is to decode, without a division."""

_WRITE_COSTS = """
    INSERT INTO unit_cost (billing_month, day, provider, model, stage, basis, currency, effective_cost, partly_unknown,
                           requests, {served}, {tokens}, {costs}, accelerator_hours_paid, accelerator_hours_used)
    SELECT CAST(:month AS date), day, provider, model, stage, b.basis, currency, b.cost, c.partial,
           CASE WHEN v.is_known IS NULL AND NOT is_unlogged AND model IS NOT NULL AND stage = ANY(:serving)
                     AND coalesce({billed}) IS NULL AND c.used_hours >= {idle} * c.paid THEN 0 ELSE v.requests END,
           {measured}, {quantities}, {parts}, round(c.paid, 6), round(c.used_hours, 6)
    FROM basis_cost b
    JOIN cost_day c USING (row_id)
    LEFT JOIN volume_day v USING (day, provider, model, stage, currency, is_unlogged)
    LEFT JOIN (SELECT basis_id, {spread} FROM ({divided}) AS d GROUP BY basis_id) AS d USING (basis_id)"""

_WRITE_UNMET = """
    INSERT INTO unit_cost (billing_month, day, provider, model, stage, basis, currency, partly_unknown, requests,
                           {served}, {tokens}, unpriced_requests)
    SELECT CAST(:month AS date), u.day, u.provider, u.model,
           CASE WHEN u.is_batch THEN 'inference_batch' ELSE 'inference_online' END, basis,
           coalesce(main.currency, CAST(:currency AS text)), false, sum(u.requests), {measured},
           {sums}, sum(u.requests)
    FROM usage_day u
    CROSS JOIN (VALUES ('allocation'), ('usage')) AS b (basis)
    LEFT JOIN (SELECT DISTINCT ON (provider) provider, currency FROM charge_now
               GROUP BY provider, currency ORDER BY provider, count(*) DESC, currency) AS main USING (provider)
    WHERE u.placed_model IS NULL AND u.is_ours
    GROUP BY u.day, u.provider, u.model, u.is_batch, basis, main.currency"""


def write_unit_costs(
    connection: Connection, *, month: date, end: date, currency: str, targets: Sequence[LatencyTarget] = ()
) -> None:
    """Replace the unit costs that a month's bills and the usage of its days ``[month, end)`` make.

    ``targets`` say which requests are good; ``currency`` stands beside usage of a provider without any bill. Needs the
    month's shares in ``share_now``.
    """
    scope = {"month": month, "end": end, "currency": currency}
    find_what_is_on_shared(connection)
    _run(connection, _SHARES)
    _run(connection, _DAYS)
    _run(connection, "CREATE INDEX ON unit_line (day, resource_key); ANALYZE unit_line")
    _run(connection, _IDLE)
    gather_served(connection, targets, first=find_claims(connection, month), last=end)
    counted = (*TOKEN_CLASSES, *SERVED_CLASSES, *TIME_CLASSES)
    classes = ", ".join(f"sum(quantity) FILTER (WHERE unit_class = '{name}') AS {name}" for name in counted)
    connection.execute(text(_NEAR), scope)
    connection.execute(text(_USAGE.format(classes=classes, is_late=IS_LATE)), scope)
    put_where_served(connection)
    _run(connection, _ACTIVE)
    sums, served, times = (_sums(names) for names in (TOKEN_CLASSES, SERVED_CLASSES, TIME_CLASSES))
    _run(connection, _VOLUME.format(sums=sums, served=served, times=times))
    find_unlogged(connection, month)
    _run(connection, _COSTS)
    _run(connection, _BASES)
    weighed = ", ".join(
        f"({place}, {_quantity(name)}, {TOKEN_WEIGHTS[name]}, {name == 'output'})"
        for place, name in enumerate(TOKEN_CLASSES)
    )
    _run(connection, _TOKENS.format(classes=weighed))
    connection.execute(text("DELETE FROM unit_cost WHERE billing_month = :month"), scope)
    tokens = ", ".join(f"{name}_tokens" for name in TOKEN_CLASSES)
    connection.execute(text(_write_costs(tokens)), {**scope, "serving": list(SERVING)})
    unmet = _WRITE_UNMET.format(tokens=tokens, sums=sums, served=", ".join(_SERVED_COLUMNS), measured=served)
    connection.execute(text(unmet), scope)


def _write_costs(tokens: str) -> str:
    return _WRITE_COSTS.format(
        tokens=tokens,
        idle=IDLE_ACTIVITY,
        billed=", ".join(f"c.billed_{name}" for name in TOKEN_CLASSES),
        served=", ".join(_SERVED_COLUMNS),
        measured=", ".join(f"v.{name}" for name in SERVED_CLASSES),
        costs=", ".join(f"{name}_cost" for name in TOKEN_CLASSES),
        quantities=", ".join(_quantity(name) for name in TOKEN_CLASSES),
        parts=", ".join(
            f"CASE WHEN b.cost IS NOT NULL AND (c.own_{name} IS NOT NULL OR d.part_{place} IS NOT NULL)"
            f" THEN coalesce(c.own_{name}, 0) + coalesce(d.part_{place}, 0) END"
            for place, name in enumerate(TOKEN_CLASSES)
        ),
        spread=", ".join(
            f"sum(shared) FILTER (WHERE place = {place}) AS part_{place}" for place in range(len(TOKEN_CLASSES))
        ),
        divided=split_exact_sql("token_part", "basis_id", "place", "w", ["shared"]),
    )


def _sums(names: Sequence[str]) -> str:
    return ", ".join(f"sum({name}) FILTER (WHERE is_ours) AS {name}" for name in names)


def _quantity(name: str) -> str:
    """Tokens of a class: as recorded, else as a token-priced bill counts them."""
    return f"CASE WHEN v.is_known IS NULL THEN c.billed_{name} ELSE v.{name} END"


def _run(connection: Connection, statements: str) -> None:
    for statement in statements.split(";"):
        connection.execute(text(statement))
