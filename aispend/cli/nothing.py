"""What is said where there is nothing to show: why there is nothing, and what to do about that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

NO_CHARGES = "No charges yet. Load a bill: aispend import PATH…   or look at a sample company: aispend up"
NO_USAGE = (
    "No unit costs: no inference usage meets a bill. Load usage: aispend import-usage PATH…, then aispend analyze"
)
NO_STAGES = "No spend is known to be for data, training or serving. Stages come from tags, rules and workloads."
NO_BILL_OF_PERIOD = "No bill of a month in this period is loaded."
_NO_IDLE = "Nothing is known to be idle. Idle needs utilization: aispend import-metrics PATH…, then recommend."
NOT_SERVED = (
    "No inference usage meets a bill in this period: no cost per request or token. "
    "Load usage: aispend import-usage PATH…, then aispend analyze"
)
_NAMED = 12
"""Models named in a sentence: enough to see a spelling, few enough to read."""


def no_charges(connection: Connection) -> str:
    """Why a cut of cost has no rows: nothing loaded, nothing analyzed, or another period."""
    from reports import views
    from reports.formats import pending

    if waiting := views.pending_bills(connection):
        return pending(waiting)
    days = views.charge_days(connection)
    if days is None:
        return NO_CHARGES
    return (
        f"No charges in this period; there are charges from {days.first} to {days.end - timedelta(days=1)}. "
        "Choose with --from and --to."
    )


def no_ai_spend(connection: Connection, window: views.Window | None, instead: str) -> str:
    """Why a cut of AI spend has no rows: as :func:`no_charges`, or what was charged is not for AI.

    ``instead`` is the command that shows all spend.
    """
    from reports import views

    days = views.charge_days(connection)
    if views.pending_bills(connection) or days is None or window is None:
        return no_charges(connection)
    if window.end <= days.first or days.end <= window.first:
        return no_charges(connection)
    return f"No AI spend in this period; of all spend: {instead}"


def no_unit_costs(connection: Connection, model: str | None) -> str:
    """Why there are no unit costs: no bill, no usage, another period, or no model of that name."""
    from reports import views

    if views.pending_bills(connection) or views.charge_days(connection) is None:
        return no_charges(connection)
    known = views.models_with_usage(connection)
    if not known:
        return NO_USAGE
    days = f"usage from {known.days.first} to {known.days.last}"
    if model is None or model.lower() in (name.lower() for name in known.models):
        return f"No unit costs in this period; there is {days}. Choose with --from and --to."
    names = ", ".join(known.models[:_NAMED]) + (" …" if len(known.models) > _NAMED else "")
    return f"No model {model!r} has unit costs; there is {days} of {names}."


def no_outcomes(connection: Connection, found: views.OutcomeCosts) -> str:
    """Why no outcome has a cost: none was counted, nothing is loaded, or another period."""
    from reports import views

    if not found.counted:
        return "No outcomes yet. Count them in a file (from, outcome, count): aispend import-outcomes PATH…"
    if views.pending_bills(connection) or views.charge_days(connection) is None:
        return no_charges(connection)
    return "No outcome was counted in this period. Choose another with --from and --to."


def no_commitments(connection: Connection) -> str:
    """Why there are no commitments: nothing loaded, or none that covers anything or is listed."""
    from reports import views

    if views.charge_days(connection) is None:
        return no_charges(connection)
    return "No commitment covers anything in this period, and none is listed. Providers list theirs: aispend collect"


def no_runs(connection: Connection) -> str:
    """Why there are no runs: nothing loaded, or no workload of a training stage meets a charge of the period."""
    from reports import views

    if views.pending_bills(connection) or views.charge_days(connection) is None:
        return no_charges(connection)
    return "No training run meets a charge in this period. Load what ran where: aispend import-workloads PATH…"


def no_payback(connection: Connection, models: tuple[str, str], rate: views.NoRate | None = None) -> str:
    """Why there is no payback: nothing so called, no tokens, no cost of them, nobody who sells it, or no rate."""
    from reports import views
    from reports.views.paid_back import what_was_trained

    if rate is not None:
        return (
            f"No exchange rate from {rate.base} to {rate.quote} is known on {rate.day}. "
            "Load rates: aispend import-rates FILE"
        )
    trained, instead_of = models
    meant = what_was_trained(connection, trained)
    if meant.others:
        return f"Several runs are called so: {', '.join(meant.others)}. Give the whole name of one."
    if meant.rows and meant.model is None:
        return f"The run {trained} names no model, and what it saves is unknown. Name it in the file of workloads."
    if meant.model is None:
        found = _no_priced_tokens(connection, trained)
        return f"{found} No run is called so either: aispend runs" if found.startswith("No model") else found
    if not views.priced_tokens(connection, meant.model):
        return _no_priced_tokens(connection, meant.model)
    if not views.priced_tokens(connection, instead_of):
        return f"{_no_priced_tokens(connection, instead_of)} No API is known to sell it by the token either."
    return ""


def _no_priced_tokens(connection: Connection, model: str) -> str:
    """What is missing of one model: everything, its tokens, or their cost."""
    from reports import views
    from reports.formats import count, period

    found = views.unit_costs(connection, model=model, basis="allocation")
    tokens = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
    if found.window is None or not found.rows:
        return no_unit_costs(connection, model)
    days = period(found.window)
    if any(getattr(row, name) for row in found.rows for name in tokens):
        return f"{model} served tokens, {days}, whose cost is not known: no charge with an effective cost meets them."
    requests = sum(row.requests or 0 for row in found.rows)
    if not requests:
        return f"{model} is paid for, {days}, and no usage of it is known. Load usage: aispend import-usage PATH…"
    return (
        f"{model} served {count(requests)} requests, {days}, and none counts its tokens: payback is by the token. "
        "Load usage with input and output tokens: aispend import-usage PATH…"
    )


def no_energy(connection: Connection) -> str:
    """Why there is no energy: nothing analyzed, another period, or no accelerator in it."""
    from reports import views

    if views.pending_bills(connection) or views.charge_days(connection) is None:
        return no_charges(connection)
    return "No accelerator hours are billed and no usage is counted in this period: there is no energy to work out."


def no_forecast(connection: Connection) -> str:
    """Why nothing is forecast: nothing analyzed, or analyzed before there were forecasts."""
    from reports import views

    if views.pending_bills(connection) or views.charge_days(connection) is None:
        return no_charges(connection)
    return "No forecast yet: it takes a whole day of usage, and is made with every analysis: aispend analyze"


def no_invoices(connection: Connection) -> str:
    """Why there are no invoices: nothing loaded, or no month of the period has one."""
    from reports import views

    if views.charge_days(connection) is None:
        return no_charges(connection)
    return "No invoice of a month in this period. Choose another with --from and --to."


def no_idle(connection: Connection) -> str:
    """Why nothing idle is listed: no advice yet, or none that fell idle in this period."""
    from reports import views

    known = len(views.idle(connection))
    if not known:
        return _NO_IDLE
    return f"Nothing fell idle in this period; {known} did at another time. See them all without --from and --to."
