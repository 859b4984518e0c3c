"""Whose tax is on the invoices alone, so that "tax included" is not said of what has none.

Assumes     bills as analyzed.
Method      A billing account has its tax apart where none of its bills has a line for tax, and either the provider's
            bills never do (``TAX_ON_INVOICE_ONLY``) or an invoice of a month of it that is done carries tax.
Drawbacks   A provider is named where one of its billing accounts has its tax apart.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from aispend.schema import DONE_STATES
from analyzer.accruals import TAX_ON_INVOICE_ONLY
from analyzer.series import OWN


def tax_apart(connection: Connection, slice_ids: Collection[int] | None = None) -> tuple[str, ...]:
    """Providers, as the bills call them; of all bills, or of those of ``slice_ids``."""
    scope = {
        "own": OWN,
        "slices": None if slice_ids is None else sorted(slice_ids),
        "apart": list(TAX_ON_INVOICE_ONLY),
        "done": list(DONE_STATES),
    }
    return tuple(connection.scalars(text(_APART), scope))


_APART = """
    SELECT DISTINCT s.provider
    FROM (SELECT DISTINCT provider, scope FROM slice
          WHERE kind = 'bill' AND provider <> :own
            AND (CAST(:slices AS int[]) IS NULL OR slice_id = ANY(CAST(:slices AS int[])))) AS s
    WHERE (s.provider = ANY(:apart)
           OR EXISTS (SELECT FROM invoice i
                      JOIN slice l ON l.kind = 'bill' AND l.provider = i.provider AND l.scope = i.scope
                                  AND l.period = i.billing_month AND l.state = ANY(:done)
                      WHERE i.provider = s.provider AND i.scope = s.scope AND i.tax <> 0))
      AND NOT EXISTS (SELECT FROM slice t JOIN spend_day d ON d.slice_id = t.slice_id AND d.billing_month = t.period
                      WHERE t.kind = 'bill' AND t.provider = s.provider AND t.scope = s.scope
                        AND d.charge_category = 'Tax')
    ORDER BY 1"""
