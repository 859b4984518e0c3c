"""What the pages show is made from what is loaded (promise 7).

Assumes     every month remembers the fingerprint of what it was analyzed from (:mod:`analyzer.fingerprint`).
Method      Page, e-mail and files read the same stored results by the same functions, so they agree with each other;
            they agree with the ledger where these results are of it. Each month's fingerprint, of its bills, the
            telemetry of its days, names, prices, rules and settings, is made anew and held against the one on record.
Cases       A month that was never analyzed has no shares either: *every charge has shares* says so, and not this.
Drawbacks   That two pages call the same function is no matter of data: tests hold it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.settings import Settings
from analyzer.findings import Finding
from analyzer.fingerprint import fingerprint, scope_of, settings_words

PROMISE = "what is shown is made from what is loaded"


def results_are_of_what_is_loaded(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """One finding for each month with bills that was analyzed."""
    words = settings_words(settings)
    for month, before in connection.execute(text(_ANALYZED)).all():
        same = fingerprint(connection, scope_of(connection, month), words) == before
        yield Finding(
            promise=PROMISE,
            scope=None,
            period=month,
            currency=None,
            ours=None,
            theirs=None,
            difference=Decimal(0) if same else None,
            cause="equal"
            if same
            else "bills, telemetry, names, prices or settings have changed since it was analyzed; run aispend analyze",
            holds=same,
        )


_ANALYZED = """
    SELECT period, fingerprint FROM analysis_state
    WHERE period IN (SELECT period FROM slice WHERE kind = 'bill') ORDER BY period"""
