"""The promises, checked on what is loaded: every difference signed and named, rounding included.

Each finding compares one amount of ours with one of theirs in one currency; ``difference`` is ours − theirs.
Checks of whole months stand in one row when all four costs agree (the row shows billed cost, or the first one the
bill gives), and in a row for each cost that does not. Where something is counted, ``currency`` is None.
"""

from __future__ import annotations

from sqlalchemy import Connection

from aispend.settings import Settings
from analyzer.agreements import agreements_are_drawn_down
from analyzer.findings import Finding
from analyzer.reconcile_advice import advice_can_be_argued_with, commands_are_for_a_person
from analyzer.reconcile_bills import closes_to_the_invoice, one_bill_per_month, unknown_stays_unknown
from analyzer.reconcile_closing import adjustments_explain_the_ledger, closed_months_are_unchanged
from analyzer.reconcile_current import results_are_of_what_is_loaded
from analyzer.reconcile_export import closes_to_the_files, every_line_is_kept
from analyzer.reconcile_ledger import (
    every_amount_has_its_currency,
    no_account_is_counted_twice,
    paid_usage_is_never_free,
    request_ids_are_hashed,
)
from analyzer.reconcile_prepaid import effective_closes_to_billed
from analyzer.reconcile_rates import rates_are_fresh
from analyzer.reconcile_reasons import every_resource_has_its_reason
from analyzer.reconcile_savings import (
    accepted_advice_is_followed,
    realised_savings_add_up,
    savings_rest_on_loaded_bills,
)
from analyzer.reconcile_shares import (
    cuts_add_up,
    every_charge_has_shares,
    savings_stay_within_cost,
    shares_add_up,
    unit_costs_add_up,
)
from analyzer.reconcile_totals import matches_the_providers_totals
from analyzer.reconcile_usage import TOLERANCE, billed_tokens_are_measured

__all__ = ["Finding", "check"]


def check(connection: Connection, settings: Settings | None = None) -> list[Finding]:
    """Check every promise on what is loaded; what the settings agree on only where they are given."""
    checks = (
        closes_to_the_files,
        closes_to_the_invoice,
        matches_the_providers_totals,
        effective_closes_to_billed,
        one_bill_per_month,
        no_account_is_counted_twice,
        every_line_is_kept,
        unknown_stays_unknown,
        paid_usage_is_never_free,
        every_charge_has_shares,
        shares_add_up,
        cuts_add_up,
        unit_costs_add_up,
        savings_stay_within_cost,
        advice_can_be_argued_with,
        every_resource_has_its_reason,
        accepted_advice_is_followed,
        realised_savings_add_up,
        savings_rest_on_loaded_bills,
        commands_are_for_a_person,
        closed_months_are_unchanged,
        adjustments_explain_the_ledger,
        every_amount_has_its_currency,
        request_ids_are_hashed,
    )
    found = [finding for one in checks for finding in one(connection)]
    asked = settings.reconcile.usage_tolerance if settings is not None else None
    found += billed_tokens_are_measured(connection, TOLERANCE if asked is None else asked)
    if settings is not None:
        found += results_are_of_what_is_loaded(connection, settings)
        found += rates_are_fresh(connection, settings.reporting_currency)
        found += agreements_are_drawn_down(connection, settings.agreements)
    return found
