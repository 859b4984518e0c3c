"""Every table and column, declared once, with its meaning.

Alembic migrations, the bulk loader, the views and the generated data dictionary
(``docs/data-dictionary.md``) all derive from here.

    bills       slice, load, rejected_row, account … charge_kind, charge, invoice
    telemetry   resource_alias, accelerator_hour, inference_hour, workload_hour, run_metric,
                price
    clouds      collection, provider_total, provider_advice … commitment_term, spot_price, type_offering, quota,
                resource_history
    company     exchange_rate, outcome_day
    energy      energy_day
    closing     closing, closing_adjustment, closing_amount
    outlook     anomaly, anomaly_event, budget_status, forecast
    results     share_target, cost_share, spend_day, spend_resource_month, unit_cost,
                recommendation, recommendation_event, why_not
    savings     saving_baseline, saving
"""

from aispend.schema.base import metadata
from aispend.schema.bills import (
    DONE_STATES,
    account,
    charge,
    charge_kind,
    commitment,
    invoice,
    load,
    location,
    rejected_row,
    resource,
    sku,
    slice_,
    tag_set,
)
from aispend.schema.closing import closing, closing_adjustment, closing_amount
from aispend.schema.clouds import (
    collection,
    commitment_term,
    provider_advice,
    provider_anomaly,
    provider_forecast,
    provider_total,
    quota,
    request_day,
    resource_history,
    resource_life,
    spot_price,
    spot_risk,
    type_offering,
)
from aispend.schema.company import exchange_rate, outcome_day
from aispend.schema.energy import energy_day
from aispend.schema.outlook import anomaly, anomaly_event, budget_status, forecast, worked_out
from aispend.schema.results import (
    analysis_state,
    cost_share,
    made_from,
    recommendation,
    recommendation_event,
    share_target,
    spend_day,
    spend_resource_month,
    unit_cost,
    why_not,
)
from aispend.schema.savings import saving, saving_baseline
from aispend.schema.telemetry import (
    accelerator_hour,
    inference_hour,
    inference_request,
    price,
    resource_alias,
    run_metric,
    workload_hour,
)

__all__ = [
    "DONE_STATES",
    "accelerator_hour",
    "account",
    "analysis_state",
    "anomaly",
    "anomaly_event",
    "budget_status",
    "charge",
    "charge_kind",
    "closing",
    "closing_adjustment",
    "closing_amount",
    "collection",
    "commitment",
    "commitment_term",
    "cost_share",
    "energy_day",
    "exchange_rate",
    "forecast",
    "inference_hour",
    "inference_request",
    "invoice",
    "load",
    "location",
    "made_from",
    "metadata",
    "outcome_day",
    "price",
    "provider_advice",
    "provider_anomaly",
    "provider_forecast",
    "provider_total",
    "quota",
    "recommendation",
    "recommendation_event",
    "rejected_row",
    "request_day",
    "resource",
    "resource_alias",
    "resource_history",
    "resource_life",
    "run_metric",
    "saving",
    "saving_baseline",
    "share_target",
    "sku",
    "slice_",
    "spend_day",
    "spend_resource_month",
    "spot_price",
    "spot_risk",
    "tag_set",
    "type_offering",
    "unit_cost",
    "why_not",
    "worked_out",
    "workload_hour",
]
