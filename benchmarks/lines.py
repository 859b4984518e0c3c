"""Bills of any size in the shape of an AWS FOCUS 1.2 Parquet export, made by DuckDB from line numbers alone.

A month of hourly lines: in each hour a window of a day's charged things (instances, volumes, endpoints, traffic)
is active, and the window moves through the day, so that a thing has ``hours`` lines per day and the roll-up is
``hours`` to one. Things are replaced over the month as fleets are. Cost columns are doubles with up to 17
digits, tags and price details are maps, as AWS delivers them. About two in five lines are AI spend.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from aispend.clock import next_month

MONTH = date(2026, 9, 1)
_ROW_GROUP = 122_880

_THINGS = """
CREATE TABLE thing AS
WITH numbered AS (SELECT i::INTEGER AS thing, (hash(i) >> 1)::BIGINT AS h,
  (hash(i + 1000000007) >> 1)::BIGINT AS g FROM range({things}) t(i)),
kinds AS (SELECT *, (h % 100)::INTEGER AS kind, (g % 40)::INTEGER AS account,
  ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1'][1 + (g >> 8) % 4] AS region,
  ['p5.48xlarge', 'p4d.24xlarge', 'g5.12xlarge', 'g6.xlarge', 'g5.2xlarge', 'inf2.xlarge'][1 + (g >> 16) % 6] AS gpu,
  ['m6i.2xlarge', 'c7g.xlarge', 'r6i.4xlarge', 't3.medium', 'm5.large'][1 + (g >> 16) % 5] AS cpu FROM numbered)
SELECT thing, kind, account, region,
  CASE WHEN kind < 25 THEN gpu WHEN kind < 40 THEN 'ml.' || gpu WHEN kind < 70 THEN cpu END AS instance,
  CASE WHEN kind < 25 THEN 'Amazon Elastic Compute Cloud' WHEN kind < 40 THEN 'Amazon SageMaker'
       WHEN kind < 70 THEN 'Amazon Elastic Compute Cloud' WHEN kind < 90 THEN 'Amazon Elastic Block Store'
       ELSE 'Amazon Simple Storage Service' END AS service,
  CASE WHEN kind < 25 OR kind BETWEEN 40 AND 69 THEN 'instance/i-' || lpad(to_hex(h), 17, '0')
       WHEN kind < 40 THEN 'endpoint/serve-' || (h % 500) || '-' || to_hex(g % 65536)
       WHEN kind < 90 THEN 'volume/vol-' || lpad(to_hex(h), 17, '0') ELSE 'bucket-' || (h % 3000) END AS name,
  upper(substr(md5(coalesce(instance, service) || region), 1, 16)) AS sku,
  (h >> 32) % 10 < 3 AS committed,
  MAP {{'user:team': 'team-' || (g % 12), 'user:env': ['prod', 'stage', 'dev'][1 + (h >> 20) % 3],
        'user:service': 'svc-' || (h >> 24) % 60, 'user:cost-center': 'cc-' || (g >> 4) % 20}} AS tags,
  (1 + hash(coalesce(instance, service) || region) % 997) / 1000.0::DOUBLE AS rate
FROM kinds;
"""

_LINES = """
SELECT
  region || ['a', 'b', 'c'][1 + thing % 3] AS "AvailabilityZone",
  CASE WHEN committed THEN 0.0::DOUBLE ELSE round(rate * used, 10) END AS "BilledCost",
  '100000000001' AS "BillingAccountId", 'Example Holdings' AS "BillingAccountName",
  'AWS Account' AS "BillingAccountType",
  'USD' AS "BillingCurrency", TIMESTAMP '{end} 00:00:00' AS "BillingPeriodEnd",
  TIMESTAMP '{start} 00:00:00' AS "BillingPeriodStart",
  NULL::VARCHAR AS "CapacityReservationId", NULL::VARCHAR AS "CapacityReservationStatus", 'Usage' AS "ChargeCategory",
  NULL::VARCHAR AS "ChargeClass",
  '$' || rate || ' per ' || coalesce(instance, 'GB') || ' in ' || region AS "ChargeDescription",
  'Usage-Based' AS "ChargeFrequency", hour + INTERVAL 1 HOUR AS "ChargePeriodEnd", hour AS "ChargePeriodStart",
  CASE WHEN committed THEN 'Spend' END AS "CommitmentDiscountCategory",
  CASE WHEN committed THEN 'arn:aws:savingsplans::100000000001:savingsplan/sp-' || thing % 5 END
    AS "CommitmentDiscountId",
  NULL::VARCHAR AS "CommitmentDiscountName",
  CASE WHEN committed THEN used END AS "CommitmentDiscountQuantity",
  CASE WHEN committed THEN 'Savings Plan' END AS "CommitmentDiscountType",
  CASE WHEN committed THEN 'USD' END AS "CommitmentDiscountUnit",
  CASE WHEN committed THEN 'Used' END AS "CommitmentDiscountStatus",
  used AS "ConsumedQuantity", CASE WHEN instance IS NULL THEN 'GB-Mo' ELSE 'Hrs' END AS "ConsumedUnit",
  rate * used * 0.93 AS "ContractedCost", rate * 0.93 AS "ContractedUnitPrice",
  CASE WHEN committed THEN rate * used * 0.6123 ELSE round(rate * used, 10) END AS "EffectiveCost",
  'EUINV26-' || account % 3 AS "InvoiceId", 'Amazon Web Services, Inc.' AS "InvoiceIssuerName",
  round(rate * used, 10) AS "ListCost", rate AS "ListUnitPrice",
  CASE WHEN committed THEN 'Committed' ELSE 'Standard' END AS "PricingCategory", 'USD' AS "PricingCurrency",
  used AS "PricingQuantity", CASE WHEN instance IS NULL THEN 'GB-Mo' ELSE 'Hrs' END AS "PricingUnit",
  'AWS' AS "ProviderName", 'Amazon Web Services, Inc.' AS "PublisherName", region AS "RegionId",
  region AS "RegionName",
  CASE WHEN kind < 90 THEN 'arn:aws:ec2:' || region || ':' || (200000000000 + account) || ':' || name ELSE name END
    AS "ResourceId",
  NULL::VARCHAR AS "ResourceName", CASE WHEN kind < 70 THEN 'instance' ELSE 'storage' END AS "ResourceType",
  CASE WHEN kind < 70 THEN 'Compute' ELSE 'Storage' END AS "ServiceCategory", service AS "ServiceName",
  CASE WHEN kind < 70 THEN 'Virtual Machines' ELSE 'Block Storage' END AS "ServiceSubcategory",
  sku AS "SkuId",
  CASE WHEN kind BETWEEN 25 AND 39 THEN 'USE1-Host:' || instance WHEN instance IS NOT NULL THEN 'BoxUsage:' || instance
       ELSE 'StorageUsage' END AS "SkuMeter",
  sku || '.JRTCKXETXF' AS "SkuPriceId",
  MAP {{'InstanceType': coalesce(instance, 'none'), 'OperatingSystem': 'Linux'}} AS "SkuPriceDetails",
  (200000000000 + account)::VARCHAR AS "SubAccountId", 'account-' || account AS "SubAccountName",
  'AWS Account' AS "SubAccountType", tags AS "Tags",
  MAP {{'Discount': -0.07}} AS "x_Discounts",
  CASE WHEN instance IS NULL THEN 'CreateVolume' ELSE 'RunInstances' END AS "x_Operation",
  'Service' || kind // 20 AS "x_ServiceCode"
FROM (
  SELECT thing.* EXCLUDE (rate), 0.05 * (1 + thing % 23) + rate AS rate,
         1 - (line % 60 = 0)::INTEGER * (line % 3600) / 3600.0::DOUBLE AS used,
         TIMESTAMP '{start} 00:00:00' + to_hours((line // {per_hour})::INTEGER) AS hour
  FROM range({lines}) AS numbers(line)
  JOIN thing ON thing.thing = (
    (line % {per_hour} + (line // {per_hour} % 24) * {step}) % {per_day} + line // {per_hour} // 24 * {turnover}
  ) % {things}
)
"""


def write_focus(path: Path, lines: int, *, hours: int = 15, compression: str = "parquet", month: date = MONTH) -> Path:
    """Write ``lines`` FOCUS 1.2 lines of ``month``, rolling up ``hours`` to one, as Parquet or as gzipped CSV."""
    days = (next_month(month) - month).days
    per_hour = max(lines // (24 * days), 1)
    per_day = max(per_hour * 24 // hours, 1)
    turnover = per_day // 10 if hours > 5 else per_day // 2
    things = per_day + turnover * (days - 1)
    with duckdb.connect(config={"memory_limit": "2GB", "preserve_insertion_order": False}) as duck:
        duck.execute("SET enable_progress_bar = false")
        duck.execute("SET enable_progress_bar = false")
        duck.execute(_THINGS.format(things=things))
        query = _LINES.format(
            start=month,
            end=next_month(month),
            lines=per_hour * 24 * days,
            per_hour=per_hour,
            per_day=per_day,
            step=max(per_day // 24, 1),
            turnover=turnover,
            things=things,
        )
        if compression == "parquet":
            options = f"FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_ROW_GROUP}"
        else:
            maps = ", ".join(f'to_json("{name}") AS "{name}"' for name in ("Tags", "SkuPriceDetails", "x_Discounts"))
            query = f"SELECT * REPLACE ({maps}) FROM ({query})"
            options = "FORMAT csv, HEADER, COMPRESSION gzip"
        duck.execute(f"COPY ({query}) TO '{path}' ({options})")
    return path
