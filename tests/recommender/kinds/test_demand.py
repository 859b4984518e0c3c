"""What work asks of accelerators, in states."""

from __future__ import annotations

import numpy as np

from aispend.advising import Idle
from recommender.kinds.demand import state_shares
from tests.recommender.conftest import history


def test_time_is_shared_out_over_the_states_that_are_known() -> None:
    """Of a day's 288 slots 144 do nothing, 72 are at 10 %, 36 at 50 % and 36 unknown: of 252, a seventh and two."""
    seen = history(np.concatenate([np.zeros(144), np.full(72, 0.1), np.full(36, 0.5), np.full(36, np.nan)])[None, :])
    assert state_shares(seen, Idle(), 1) == {"busy_time_share": 0.1429, "underused_time_share": 0.2857}
    # with 5 % as the line between them all that works is busy: 108 of 252
    assert state_shares(seen, Idle(underused_activity=0.05), 1) == {
        "busy_time_share": 0.4286,
        "underused_time_share": 0.0,
    }


def test_of_what_nobody_knows_nothing_is_said() -> None:
    assert state_shares(history(np.full((1, 288), np.nan)), Idle(), 1) == {}
