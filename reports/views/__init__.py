"""The read model: one function per number. Pages, mail, tables and files only lay out what these return.

spend             any cut of cost
energy            kilowatt hours and carbon per model
spend_in          any cut of cost in one currency; shared_without_stage: what of spend by stage is a shared cost's
self_hosting      served models beside the same tokens at an API
lifecycles        training against serving; runs: what each run cost; payback: when training has paid
commitments       owner, terms, use and who benefits
outcome_costs     what a counted outcome cost
unit_costs        cost per thousand inferences, per million tokens, per accelerator hour
changes           why cost changed between two periods
overview          the month so far, its forecast and change
forecasts         what month and quarter will cost; forecast_days: the days ahead of one series
anomalies         days out of the ordinary; anomalies_beside: those providers found
budgets           where each budget stands
idle              what is paid for and does nothing
recommendations   advice, its total, its life; AdviceFilter: which of it; advice_changes; one_recommendation
why_not           why there is none; undecided: the reason that matters of each resource
savings           what was promised and what the bill shows; calibration: how well promises were kept
provider_advice   what providers advise, beside ours
reconcile         the promises, checked
invoices          what their lines come to, their own totals, and how the two compare
months            their state, what was published, adjusted and accrued; agreements: how far drawn down
freshness         how new each source is; rejected_rows: what could not be read
"""

from reports.views.advice_changes import CHANGES, AdviceChange, AdviceChanges, ChangeCount, advice_changes
from reports.views.advice_filter import ALL, ENDED_STATES, LIVE_STATES, PROMISING_STATES, STATES, AdviceFilter
from reports.views.anomalies import (
    ANOMALY_STATES,
    TOLD_STATES,
    AnomalyBeside,
    AnomalyEvent,
    AnomalyFound,
    anomalies_beside,
    anomalies_by_state,
    anomaly_events,
    found_anomalies,
)
from reports.views.basis import (
    COSTS,
    Axis,
    Basis,
    CostColumn,
    Gap,
    Window,
    bills_loaded,
    charge_days,
    has_lost_tax,
    known_days,
    newest_window,
    pending_bills,
)
from reports.views.budgets import BudgetStatus, BudgetThreshold, budgets
from reports.views.change import (
    CHANGE_CUTS,
    Change,
    Changes,
    Driver,
    changes,
    month_against_month,
    same_days_before,
    same_days_from,
    whole_month,
)
from reports.views.closing import ClosedAmount, MonthState, accruals, adjustments, agreements, months, published
from reports.views.commitments import Beneficiary, Commitments, CommitmentUse, commitments
from reports.views.converted import Converted, ConvertedRow, spend_in
from reports.views.energy import Energy, EnergyUse, energy
from reports.views.forecast import (
    FORECAST_CUTS,
    ForecastCut,
    ForecastDay,
    ForecastRow,
    Forecasts,
    forecast_days,
    forecasts,
)
from reports.views.forecast_in import forecasts_in
from reports.views.freshness import Freshness, Rejected, freshness, rejected_rows
from reports.views.idle import IdleResource, idle
from reports.views.invoices import InvoiceRow, InvoiceState, invoices
from reports.views.lifecycle import (
    Lifecycles,
    ModelLifecycle,
    Run,
    Runs,
    lifecycles,
    runs,
)
from reports.views.lifecycle_in import LifecyclesIn, ModelLifecycleIn, RunIn, RunsIn, lifecycles_in, runs_in
from reports.views.one_recommendation import AdviceStep, OneRecommendation, one_recommendation
from reports.views.outcomes import OutcomeCost, OutcomeCosts, outcome_costs
from reports.views.overview import MonthFigures, Overview, overview
from reports.views.paid_back import NoRate, Payback, payback, priced_tokens
from reports.views.provider_advice import AdviceBeside, ProviderAdvice, provider_advice
from reports.views.recommendations import (
    UNCOUNTED,
    Event,
    KindTotal,
    NotCounted,
    Recommendation,
    Recommendations,
    SavingsTotal,
    Uncounted,
    recommendation_events,
    recommendations,
    recommendations_by_state,
)
from reports.views.reconcile import Reconciliation, reconcile
from reports.views.savings import (
    Calibration,
    Factor,
    Kept,
    SavedItem,
    SavedMonth,
    SavingLine,
    Savings,
    calibration,
    savings,
)
from reports.views.self_host import SelfHosted, SelfHosting, self_hosting
from reports.views.shared_stage import shared_without_stage
from reports.views.spend import Costs, Spend, SpendRow, SpendTotal, spend
from reports.views.spend_query import CATEGORIES, DIMENSIONS, SpendQuery
from reports.views.tax_lines import tax_apart
from reports.views.unit_costs import ModelsWithUsage, UnitBasis, UnitCost, UnitCosts, models_with_usage, unit_costs
from reports.views.unit_rates import LeftOut
from reports.views.why_not import Below, Undecided, Unmeasured, WhyNot, undecided, unmeasured, why_not, why_not_below

__all__ = [
    "ALL",
    "ANOMALY_STATES",
    "CATEGORIES",
    "CHANGES",
    "CHANGE_CUTS",
    "COSTS",
    "DIMENSIONS",
    "ENDED_STATES",
    "FORECAST_CUTS",
    "LIVE_STATES",
    "PROMISING_STATES",
    "STATES",
    "TOLD_STATES",
    "UNCOUNTED",
    "AdviceBeside",
    "AdviceChange",
    "AdviceChanges",
    "AdviceFilter",
    "AdviceStep",
    "AnomalyBeside",
    "AnomalyEvent",
    "AnomalyFound",
    "Axis",
    "Basis",
    "Below",
    "Beneficiary",
    "BudgetStatus",
    "BudgetThreshold",
    "Calibration",
    "Change",
    "ChangeCount",
    "Changes",
    "ClosedAmount",
    "CommitmentUse",
    "Commitments",
    "Converted",
    "ConvertedRow",
    "CostColumn",
    "Costs",
    "Driver",
    "Energy",
    "EnergyUse",
    "Event",
    "Factor",
    "ForecastCut",
    "ForecastDay",
    "ForecastRow",
    "Forecasts",
    "Freshness",
    "Gap",
    "IdleResource",
    "InvoiceRow",
    "InvoiceState",
    "Kept",
    "KindTotal",
    "LeftOut",
    "Lifecycles",
    "LifecyclesIn",
    "ModelLifecycle",
    "ModelLifecycleIn",
    "ModelsWithUsage",
    "MonthFigures",
    "MonthState",
    "NoRate",
    "NotCounted",
    "OneRecommendation",
    "OutcomeCost",
    "OutcomeCosts",
    "Overview",
    "Payback",
    "ProviderAdvice",
    "Recommendation",
    "Recommendations",
    "Reconciliation",
    "Rejected",
    "Run",
    "RunIn",
    "Runs",
    "RunsIn",
    "SavedItem",
    "SavedMonth",
    "SavingLine",
    "Savings",
    "SavingsTotal",
    "SelfHosted",
    "SelfHosting",
    "Spend",
    "SpendQuery",
    "SpendRow",
    "SpendTotal",
    "Uncounted",
    "Undecided",
    "UnitBasis",
    "UnitCost",
    "UnitCosts",
    "Unmeasured",
    "WhyNot",
    "Window",
    "accruals",
    "adjustments",
    "advice_changes",
    "agreements",
    "anomalies_beside",
    "anomalies_by_state",
    "anomaly_events",
    "bills_loaded",
    "budgets",
    "calibration",
    "changes",
    "charge_days",
    "commitments",
    "energy",
    "forecast_days",
    "forecasts",
    "forecasts_in",
    "found_anomalies",
    "freshness",
    "has_lost_tax",
    "idle",
    "invoices",
    "known_days",
    "lifecycles",
    "lifecycles_in",
    "models_with_usage",
    "month_against_month",
    "months",
    "newest_window",
    "one_recommendation",
    "outcome_costs",
    "overview",
    "payback",
    "pending_bills",
    "priced_tokens",
    "provider_advice",
    "published",
    "recommendation_events",
    "recommendations",
    "recommendations_by_state",
    "reconcile",
    "rejected_rows",
    "runs",
    "runs_in",
    "same_days_before",
    "same_days_from",
    "savings",
    "self_hosting",
    "shared_without_stage",
    "spend",
    "spend_in",
    "tax_apart",
    "undecided",
    "unit_costs",
    "unmeasured",
    "whole_month",
    "why_not",
    "why_not_below",
]
