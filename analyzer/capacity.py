"""What a machine can hold, and what part of its price each thing it holds is worth.

Assumes     the charges of the month in ``charge_now``, and the catalogues of machines and prices.
Method      One row per resource in ``node``, of a machine that was resized another per *size* (the type its charge
            names): accelerators as billed, vCPUs and GiB of its machine type, in proportion
            to the accelerators (half a machine, or a fleet of ten); of a machine without accelerators, those of one
            machine. One row per resource and *piece* in ``node_part``: which of its accelerators, CPUs and memory a
            charge pays for, as weights. Where the bill has a price for each (Google's cores, RAM and GPUs), each
            follows its own. Else the setting says how the price is divided: ``residual`` (list price on demand;
            :func:`analyzer.node.residual_parts` with the provider's reference prices) or one of
            :data:`analyzer.node.PRESETS`. Without accelerators these are the reference prices of CPUs and memory
            alone, and the presets' weights of the two: 9 : 1 for each vCPU and GiB as AWS publishes it, 3 : 2.
Cases       Where the machine type is unknown, or ``residual`` finds no list price, or none is left for accelerators,
            CPUs and memory follow the accelerators, and the method says so: ``node=accelerators``. A machine without
            accelerators whose type is unknown, and a whole fleet of them, is divided by CPUs: ``node=cpus``.
            A machine was resized where its charges name several types, or another than the one it is known as and
            with another number of accelerators. In an hour in which several are billed, and of what is paid for
            beside them, it has what it is known to have, else the most of them.
            The list price is the newest collected one that holds on the month's last day, else the catalogue's.
Drawbacks   On the day of a change a bill without hours has all sizes in every hour. Google's lines are for each card
            and do not say how many a machine has. How many machines a fleet without accelerators has is not known, so
            nothing of it is idle while one runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.prices.accelerators import instance_type
from aispend.prices.machine_sizes import machine_size
from aispend.prices.prices import price_at, reference_price
from aispend.settings import Allocation
from analyzer.mig import part_named
from analyzer.node import CPU, GPU, MEMORY, preset_parts, residual_parts

_SIZED = """
    UPDATE charge_now c SET size = s.instance_type
    FROM sku s
    WHERE s.sku_key = c.sku_key AND c.route = 'use' AND c.piece = 'accelerators' AND s.instance_type IS NOT NULL
      AND c.resource_key IN (
        SELECT c.resource_key
        FROM charge_now c JOIN sku s USING (sku_key) JOIN resource r USING (resource_key)
        WHERE c.route = 'use' AND c.piece = 'accelerators' AND s.instance_type IS NOT NULL AND c.provider <> 'gcp'
          AND r.resource_id IS DISTINCT FROM r.fleet
        GROUP BY c.resource_key
        HAVING count(DISTINCT lower(s.instance_type)) > 1
            OR bool_or(lower(s.instance_type) <> lower(r.instance_type) AND c.accelerators <> r.accelerators))"""
"""Charges of machines that were resized name the size they pay for; Google's are for each card, and do not say it."""

_SIZE_HOURS = """
    CREATE TEMP TABLE size_hour ON COMMIT DROP AS
    SELECT resource_key, hour, min(size) AS size
    FROM (SELECT DISTINCT resource_key, size, charge_date, end_date, hours FROM charge_now WHERE size <> '') AS c
    CROSS JOIN LATERAL generate_series(c.charge_date::timestamptz, c.end_date::timestamptz - interval '1 hour',
                                       interval '1 hour') AS h (hour)
    WHERE c.hours IS NULL OR (c.hours >> extract(hour FROM h.hour)::int) & 1 = 1
    GROUP BY resource_key, hour
    HAVING count(DISTINCT size) = 1"""
"""Which size a resized machine had in an hour; two at once are no size of one machine."""

_MACHINES = """
    CREATE TEMP TABLE machine ON COMMIT DROP AS
    SELECT c.resource_key, z.size, CASE z.size WHEN '' THEN max(c.capacity) ELSE max(c.accelerators) END AS capacity,
           max(c.provider) AS provider, coalesce(max(r.region), max(l.region_id)) AS region,
           coalesce(nullif(z.size, ''), max(r.instance_type), max(s.instance_type)) AS instance_type,
           coalesce(CASE WHEN z.size <> '' THEN max(s.accelerator_type) END,
                    max(r.accelerator_type), max(s.accelerator_type)) AS accelerator_type,
           (bool_or(c.piece = 'accelerators') OR max(c.capacity) IS NULL AND bool_or(c.piece = 'cpus'))
             AND bool_or(c.piece = 'memory') AS in_pieces,
           max(c.capacity) IS NULL AND coalesce(bool_or(r.resource_id = r.fleet), false) AS uncounted
    FROM charge_now c
    JOIN sku s USING (sku_key)
    LEFT JOIN resource r USING (resource_key)
    LEFT JOIN location l USING (location_key)
    CROSS JOIN LATERAL (SELECT '' AS size UNION SELECT c.size) AS z
    WHERE c.route = 'use' AND c.resource_key <> 0
    GROUP BY c.resource_key, z.size"""

_KINDS = """
    SELECT m.provider, m.region, m.instance_type, m.accelerated, p.hourly_price, p.currency
    FROM (SELECT DISTINCT provider, region, instance_type, capacity IS NOT NULL AS accelerated FROM machine
          WHERE instance_type IS NOT NULL AND NOT uncounted) AS m
    LEFT JOIN LATERAL (
        SELECT hourly_price, currency FROM price
        WHERE price.provider = m.provider AND price.region = m.region AND price.instance_type = m.instance_type
          AND term = 'on_demand' AND valid_from <= :day
        ORDER BY valid_from DESC, currency LIMIT 1) AS p ON true"""

_CREATE_KIND = """
    CREATE TEMP TABLE machine_kind (
        provider text, region text, instance_type text, accelerators numeric, vcpus numeric, gib numeric,
        of_accelerators numeric, of_cpus numeric, of_memory numeric
    ) ON COMMIT DROP"""

_NODES = """
    CREATE TEMP TABLE node ON COMMIT DROP AS
    SELECT m.resource_key, m.size, m.capacity, m.accelerator_type, m.in_pieces,
           CASE WHEN m.capacity IS NULL THEN k.vcpus ELSE k.vcpus * m.capacity / k.accelerators END AS cpus,
           CASE WHEN m.capacity IS NULL THEN k.gib ELSE k.gib * m.capacity / k.accelerators END AS gib,
           k.of_accelerators, k.of_cpus, k.of_memory
    FROM machine m
    LEFT JOIN machine_kind k ON k.provider = m.provider AND k.region IS NOT DISTINCT FROM m.region
                            AND k.instance_type = m.instance_type AND NOT m.uncounted
                            AND (k.accelerators IS NULL) = (m.capacity IS NULL)"""

_PARTS = """
    CREATE TEMP TABLE node_part ON COMMIT DROP AS
    SELECT n.resource_key, n.size, p.piece,
           CASE WHEN b.priced IS NULL THEN (n.capacity IS NOT NULL)::int WHEN b.priced THEN n.of_accelerators
                ELSE (p.piece = 'accelerators')::int END AS of_accelerators,
           CASE WHEN b.priced IS NULL THEN (n.capacity IS NULL)::int WHEN b.priced THEN n.of_cpus
                ELSE (p.piece = 'cpus')::int END AS of_cpus,
           CASE WHEN b.priced IS NULL THEN 0 WHEN b.priced THEN n.of_memory
                ELSE (p.piece = 'memory')::int END AS of_memory,
           'node=' || CASE WHEN b.priced IS NOT NULL THEN CASE WHEN b.priced THEN :method ELSE 'bill' END || :stranded
                           WHEN n.capacity IS NULL THEN 'cpus' ELSE 'accelerators' END AS method
    FROM node n
    CROSS JOIN (VALUES ('node'), ('accelerators'), ('cpus'), ('memory')) AS p (piece)
    CROSS JOIN LATERAL (SELECT CASE WHEN n.cpus IS NULL THEN NULL WHEN n.in_pieces AND p.piece <> 'node' THEN false
                                    WHEN n.of_accelerators IS NOT NULL THEN true END AS priced) AS b"""
"""``priced``: true, the setting divides the price; false, the bill has; NULL, neither can."""

_CREATE_SLICES = """
    CREATE TEMP TABLE accelerator_part (accelerator_type text, profile text, part numeric) ON COMMIT DROP"""

_SLICES = """
    SELECT DISTINCT n.accelerator_type, w.accelerator_profile
    FROM node n
    CROSS JOIN (SELECT DISTINCT accelerator_profile FROM workload_hour
                WHERE hour >= :first AND hour < :last AND accelerator_profile IS NOT NULL) AS w"""


def stage_nodes(connection: Connection, allocation: Allocation, *, first: date, last: date) -> None:
    """Make ``node``, ``node_part``, ``size_hour`` and ``accelerator_part`` for the charges of ``[first, last)``."""
    for statement in (_SIZED, _SIZE_HOURS, _MACHINES):
        connection.execute(text(statement))
    connection.execute(text(_CREATE_KIND))
    kinds = (
        connection.execute(text(_KINDS), {"day": last}).mappings().all() if allocation.method != "accelerators" else []
    )
    cursor = connection.connection.cursor()
    with cursor.copy("COPY machine_kind FROM STDIN") as copy:
        for kind in kinds:
            for row in _weights(dict(kind), allocation.method, last):
                copy.write_row(row)
    connection.execute(text(_NODES))
    stranded = ", stranded idle" if allocation.stranded == "idle" else ""
    connection.execute(text(_PARTS), {"method": allocation.method, "stranded": stranded})
    connection.execute(text(_CREATE_SLICES))
    slices = connection.execute(text(_SLICES), {"first": first, "last": last}).all()
    with cursor.copy("COPY accelerator_part FROM STDIN") as copy:
        for card, profile in slices:
            copy.write_row((card, profile, part_named(profile, card)))
    for table in ("node", "node_part", "size_hour"):
        connection.execute(text(f"ANALYZE {table}"))


def _weights(kind: Mapping[str, Any], method: str, day: date) -> Iterator[tuple[Any, ...]]:
    """The row of ``machine_kind``; none for a machine the catalogue does not know the size of."""
    provider, region, name = kind["provider"], kind["region"], kind["instance_type"]
    capacity = _size(provider, name) if kind["accelerated"] else _plain_size(provider, name)
    if capacity is None:
        return
    parts: Mapping[str, Decimal] = (
        _residual(kind, capacity, day) if method == "residual" else preset_parts(method, capacity)
    )
    weights = [parts.get(resource, Decimal(0)) for resource in (GPU, CPU, MEMORY)] if parts else [None] * 3
    yield (provider, region, name, *(capacity.get(resource) for resource in (GPU, CPU, MEMORY)), *weights)


def _size(provider: str, name: str) -> Mapping[str, Decimal] | None:
    machine = instance_type(provider, name)
    if machine is None or machine.vcpus is None or machine.memory_gib is None:
        return None
    return {GPU: machine.accelerators, CPU: machine.vcpus, MEMORY: machine.memory_gib}


def _plain_size(provider: str, name: str) -> Mapping[str, Decimal] | None:
    machine = machine_size(provider, name)
    return None if machine is None else {CPU: machine.vcpus, MEMORY: machine.memory_gib}


def _residual(kind: Mapping[str, Any], capacity: Mapping[str, Decimal], day: date) -> Mapping[str, Decimal]:
    """Parts of the list price on ``day``; empty where it is unknown or leaves nothing for the accelerators.

    Without accelerators nothing is left over: the parts are the reference prices', whatever the machine costs.
    """
    reference = reference_price(kind["provider"])
    if reference is None:
        return {}
    rates = {CPU: reference.vcpu_hour, MEMORY: reference.gib_hour}
    if GPU not in capacity:
        return residual_parts(Decimal(0), capacity, rates)
    listed, currency = kind["hourly_price"], kind["currency"]
    if listed is None and kind["region"] is not None:
        found = price_at(kind["provider"], kind["region"], kind["instance_type"], "on_demand", day)
        listed, currency = (found.hourly_price, found.currency) if found else (None, None)
    if listed is None or currency != reference.currency:
        return {}
    parts = residual_parts(listed, capacity, rates)
    return parts if parts[GPU] > 0 else {}
