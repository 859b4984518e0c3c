"""What was paid for before is not new, whichever cost its bill gives."""

from __future__ import annotations

from datetime import date

import pytest

from analyzer.anomaly_series import spent_before
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger


@pytest.mark.parametrize("cost", ["5", ("5", None, None, None), ("0", "5", None, None)])
def test_a_bill_without_effective_cost_says_what_was_paid_for_too(ledger: Ledger, cost: str) -> None:
    ledger.charge("2026-06-01", cost, tags={"model": "giant"}, **{**GPU_HOUR, "accelerator_type": "H100"})
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        for cut, value in (("model", "giant"), ("accelerator", "H100")):
            assert spent_before(connection, cut, value, date(2026, 6, 2))
            assert not spent_before(connection, cut, value, date(2026, 6, 1))
