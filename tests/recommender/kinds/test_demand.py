"""What work asks of accelerators, in states."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Idle, Recommend
from recommender.contract import WhyNot
from recommender.kinds import rightsize, stop_idle
from recommender.kinds.demand import demand_of, state_shares
from recommender.methods.states import of_all_cards
from tests.recommender.conftest import history
from tests.recommender.kinds.served import Make


def test_time_is_shared_out_over_the_states_that_are_known() -> None:
    """Of a day's 288 slots 144 do nothing, 72 are at 10 %, 36 at 50 % and 36 unknown: of 252, a seventh and two."""
    seen = history(np.concatenate([np.zeros(144), np.full(72, 0.1), np.full(36, 0.5), np.full(36, np.nan)])[None, :])
    assert state_shares(seen, Idle(), 1) == {"busy_time_share": 0.1429, "underused_time_share": 0.2857}
    # with 5 % as the line between them all that works is busy: 108 of 252
    assert state_shares(seen, Idle(underused_activity=0.05), 1) == {
        "busy_time_share": 0.4286,
        "underused_time_share": 0.0,
    }


def test_cards_that_nobody_measured_are_unknown_and_not_idle(make_subject: Make) -> None:
    """One of eight is measured, and does nothing or a fifth: of the seven others nobody knows."""
    for level in (0.0, 0.2):
        one = history(np.tile([level, 0.0], 14 * 144)[None, :], memory_bytes=1e9)
        subject = make_subject(accelerators=of_all_cards(one, Decimal(8)), model="chat", stage="inference_batch")
        for evaluate in (stop_idle.evaluate, rightsize.evaluate):
            answer = evaluate(subject, Recommend())
            assert isinstance(answer, WhyNot), answer.reason
            assert answer.reason == "telemetry_missing"
            assert "7 of its 8 accelerators were never measured" in answer.explanation
    both = history(np.zeros((2, 288)))
    assert of_all_cards(both, Decimal(2)) is both
    assert of_all_cards(both, None) is both
    # half a card is one on its host, and slices are more of them than cards
    assert of_all_cards(both, Decimal("0.5")) is both


def test_what_another_card_did_and_held_is_no_demand_on_this_one() -> None:
    """An A100 at a tenth that held 72 GB, and for the last hour an A10G at 0.9 that holds 20."""
    before = history(np.tile(np.repeat([0.1, 0.9], [23 * 12, 12]), (1, 1)))
    held = np.where(np.arange(24) < 23, 72e9, 20e9)[None, :]
    found = demand_of(replace(before, memory_used_max=held, cards_since=23 * 12))
    assert found.memory is not None
    assert found.concurrent is not None
    assert np.isnan(found.load[: 23 * 12]).all()
    assert np.isnan(found.concurrent[: 23 * 12]).all()
    assert np.nanmax(found.memory) == 20e9
    assert found.load[-1] == pytest.approx(0.9)


def test_of_what_nobody_knows_nothing_is_said() -> None:
    assert state_shares(history(np.full((1, 288), np.nan)), Idle(), 1) == {}
