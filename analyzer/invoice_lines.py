"""Which lines of the bills are on which invoice, as SQL.

Assumes     an invoice is what one issuer says under one number in one currency. Bills write issuers in their own words,
            and some lines name none.
Method      Lines under a number are of their issuer; those that name none are of the only one that others name. An
            invoice takes the lines of its issuer, however upper and lower case are written.
Cases       An invoice whose issuer none of the lines name (typed without, or in other words) takes the lines that no
            other invoice of the number takes by name.
"""

LINES = """
    line AS (
        SELECT s.slice_id, s.provider, s.scope, s.period, s.state, k.invoice_id, k.billing_currency AS currency,
               a.invoice_issuer_name AS issuer, sum(c.billed_cost) AS billed, count(c.billed_cost) AS costs,
               sum(c.billed_cost) FILTER (WHERE k.charge_category = 'Tax') AS tax,
               sum(c.billed_cost) FILTER (WHERE k.charge_category <> 'Tax') AS all_but_tax,
               bool_or(k.charge_category = 'Tax') AS has_tax
        FROM slice s
        JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        JOIN charge_kind k USING (charge_kind_key)
        JOIN account a USING (account_key)
        WHERE s.kind = 'bill' AND {which}
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),
    issued AS (
        SELECT line.*, CASE WHEN min(lower(issuer)) OVER number = max(lower(issuer)) OVER number
                            THEN max(issuer) OVER number ELSE issuer END AS issued_by
        FROM line
        WINDOW number AS (PARTITION BY provider, invoice_id, currency))"""
"""Each bill's lines by number, currency and issuer (``issued_by``); ``which`` of them, over ``s`` and ``k``."""

OF_INVOICES = "(s.provider, k.invoice_id, k.billing_currency) IN (SELECT provider, invoice_id, currency FROM invoice)"

TAKES = """
    i.provider = l.provider AND i.invoice_id = l.invoice_id AND i.currency = l.currency
    AND (lower(i.issuer) = lower(l.issued_by)
         OR (NOT EXISTS (SELECT FROM issued m WHERE (m.provider, m.invoice_id, m.currency)
                                                  = (i.provider, i.invoice_id, i.currency)
                                                AND lower(m.issued_by) = lower(i.issuer))
             AND NOT EXISTS (SELECT FROM invoice o WHERE (o.provider, o.invoice_id, o.currency)
                                                       = (i.provider, i.invoice_id, i.currency)
                                                     AND lower(o.issuer) = lower(l.issued_by))))"""
"""Whether the invoice ``i`` takes the lines ``l`` of ``issued``."""
