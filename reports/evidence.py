"""Evidence in words and units: what was measured, how much, when, what the replay showed, what the prices were.

Every kind of advice brings evidence of its own. What has words below is said in them; whatever else there is is said by
its name, with the unit its name ends in, and never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from reports.formats import UNKNOWN, at_most, count, figure, moment, money, percent, unit_price

_COUNTERS = {
    "sm_active": "SM activity",
    "tensor_active": "tensor core activity",
    "gpu_utilization": "GPU utilization",
}
_STATES = {
    "resident-idle": "weights in memory, no work",
    "allocated-unused": "next to no memory held, no work",
    "idle": "no work, memory unknown",
}


_LEAST_LOAD = Decimal("0.01")
_MANY = 1000
"""From here on parts of one say nothing."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,10})(\.\d+)?")
"""With more digits before the point, or a zero first, it is an id."""


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def _instant(value: Any) -> str:
    return moment(datetime.fromisoformat(value))


def _share(value: Any) -> str:
    return percent(_decimal(value), 1)


def _gibibytes(value: Any) -> str:
    return f"{_decimal(value) / 2**30:,.1f} GiB"


def _accelerators(value: Any) -> str:
    """Two decimals; what they would make nothing of keeps two digits that mean something."""
    load = _decimal(value)
    return f"{figure(load, 2) if 0 < load < _LEAST_LOAD else f'{load:.2f}'} accelerators' worth"


def _of_the_time(value: Any) -> str:
    return f"{percent(_decimal(value), 3)} of the time"


def _yes_no(value: Any) -> str:
    return "yes" if value else "no"


def _number(value: Any) -> str:
    number = _decimal(value)
    return count(number) if number == number.to_integral_value() or abs(number) >= _MANY else figure(number)


def _times(value: Any) -> str:
    return f"{figure(_decimal(value))} times"


def _milliseconds(value: Any) -> str:
    return f"{_number(value)} ms"


def _an_hour(value: Any) -> str:
    return f"{unit_price(_decimal(value))} an hour"


def _per_unit(value: Any) -> str:
    return unit_price(_decimal(value))


def _money(value: Any) -> str:
    return money(_decimal(value))


def _unit(unit: str) -> Callable[[Any], str]:
    return lambda value: f"{_number(value)} {unit.removesuffix('s') if _decimal(value) == 1 else unit}"


def _plain(value: Any) -> str:
    """A value of which only its look is known."""
    if isinstance(value, bool):
        return _yes_no(value)
    if isinstance(value, int | float | Decimal):
        return _number(value)
    text = str(value)
    if _MOMENT.fullmatch(text):
        return _instant(text)
    if isinstance(value, date) or _DAY.fullmatch(text):
        return text
    if _NUMBER.fullmatch(text):
        return _number(text)
    return text.replace("_", " ") if re.fullmatch(r"[a-z]+(_[a-z]+)+", text) else text


_WORDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "state": ("State", lambda value: _STATES.get(value, str(value))),
    "since": ("Without work since", _instant),
    "window_days": ("Looked at", _unit("days")),
    "window_hours": ("Looked at", _unit("hours")),
    "window_end": ("Up to", _instant),
    "coverage": ("Part of it that was measured", _share),
    "coverage_none_because": ("Part of it that was measured", lambda value: f"none, because {value}"),
    "counter": ("Counter", lambda value: _COUNTERS.get(value, str(value))),
    "activity_max": ("Activity at most", _share),
    "activity_p99": ("Activity, 99th percentile", _share),
    "active_hours": ("Hours with activity", _number),
    "requests": ("Requests served", _number),
    "power_at_idle_floor": ("Power at its idle floor", _yes_no),
    "memory_used_max_bytes": ("Memory in use, at most", _gibibytes),
    "memory_on_one_max_bytes": ("Memory in use on one card, at most", _gibibytes),
    "signals": ("Signals that agree, of three", _number),
    "concurrent_max": ("Accelerators at work at once, at most", _number),
    "load_p50": ("Load, median", _accelerators),
    "load_p95": ("Load, 95th percentile", _accelerators),
    "load_p99_5": ("Load, 99.5th percentile", _accelerators),
    "load_max": ("Load at most", _accelerators),
    "replay_hours": ("Replayed on held-out use", _unit("hours")),
    "replay_violation_minutes": ("Over capacity in the replay", _unit("minutes")),
    "replay_risk_minutes": ("In its reserve in the replay", _unit("minutes")),
    "replay_worst_overload": ("Worst overload in the replay", _share),
    "cost_basis": ("Cost taken from", str),
    "cost_until": ("Cost up to", str),
    "price_date": ("Price of", str),
    "price_date_none_because": ("Price of", lambda value: f"no day, because {value}"),
    "price_source": ("Price from", str),
    "memory_share_max": ("Share of its memory in use, at most", _share),
    "aws_rule_finds_it": ("AWS's own idle rule finds it too", _yes_no),
    "hard_to_regain": ("Why it may be hard to get back", str),
    "windows": ("Hours of the week it is on", str),
    "billed_hours_of_week": ("Billed in a week now", _unit("hours")),
    "hours_on": ("On in a week, as proposed", _unit("hours")),
    "start_minutes": ("It takes to start", _unit("minutes")),
    "cold_start_minutes": ("A request that finds it off waits", _unit("minutes")),
    "wait_minutes": ("Stops after no work for", _unit("minutes")),
    "starts": ("It would have been started again", _times),
    "weeks": ("Weeks looked at", _number),
    "speed_needed": ("Speed it needs, against now", _times),
    "speed_low": ("Speed of the other, at least", _times),
    "speed_point": ("Speed of the other, most likely", _times),
    "speed_high": ("Speed of the other, at most", _times),
    "price_ratio": ("Spot price, as a share of what is paid now", _share),
    "break_even_ratio": ("Spot pays below this share", _share),
    "mtbf_hours": ("Between two interruptions, on average", _unit("hours")),
    "work_hours": ("Work that an interruption would cut", _unit("hours")),
    "inflation": ("Longer for interruptions", _times),
    "resumes": ("What shows that it resumes", str),
    "break_even_load": ("Load above which serving oneself is cheaper", _share),
    "load": ("Load now", _share),
    "break_even_tokens": ("Tokens a month above which serving oneself is cheaper", _number),
    "smoke_hours": ("A test run takes", _unit("hours")),
    "review_hours": ("A run is looked at after", _unit("hours")),
    "gb_per_month": ("Moved between regions a month", _unit("GB")),
    "gb_at_which_nothing_is_left": ("Moved a month at which nothing is saved", _unit("GB")),
    "size_gib": ("Size", _unit("GiB")),
    "utilisation": ("Share of it that would have been used", _share),
    "effective_savings_rate": ("Saved of the on-demand price", _share),
    "discount": ("Discount", _share),
    "precision": ("Numbers in", str),
    "latency_mean_ms": ("Latency, mean", _milliseconds),
    "latency_p50_ms": ("Latency, median of hourly medians", _milliseconds),
    "latency_p95_ms": ("Latency, median of hourly 95th percentiles", _milliseconds),
    "unused_cost_least": ("Stood empty on a day, at least", _money),
    "unused_cost_most": ("Stood empty on a day, at most", _money),
    "stages": ("Bought in stages of", _an_hour),
    "first_stage_saves": ("First stage saves a month", _money),
    "commitment_hourly": ("Commitment, all stages", _an_hour),
    "covers_hourly": ("Use that it covers, at the on-demand price", _an_hour),
    "optimum_hourly": ("Commitment that would have saved most", _an_hour),
    "committed_rate": ("A committed hour costs, of one on demand", _share),
    "commitment_coverage": ("Share of the use it would have covered", _share),
    "usage_max": ("Use on demand, at most", _an_hour),
    "usage_p10": ("Use on demand, 10th percentile", _an_hour),
    "usage_p50": ("Use on demand, median", _an_hour),
    "usage_of_term_p10": ("Use over the term, P10 of its forecast", _an_hour),
    "decided_monthly": ("Accepted or done changes taken out", lambda value: f"{_money(value)} a month"),
    "freed_monthly": ("Covered by commitments that such changes set free", lambda value: f"{_money(value)} a month"),
    "paid_of_list": ("Paid on demand, of the list price", _share),
    "expiring": ("Commitments that end soon", _plain),
    "api_prices": ("List prices of the API, per million tokens", _per_unit),
    "list_prices": ("List prices, per million tokens", _per_unit),
    "price_per_million": ("Paid per million tokens", _per_unit),
    "api_cost_per_million": ("Its tokens at the API, per million", _per_unit),
    "own_cost_per_million": ("Its tokens on own machines, per million", _per_unit),
    "api_monthly_cost": ("Its tokens at the API, a month", _money),
    "own_monthly_cost": ("Its tokens on own machines, a month", _money),
    "load_needed": ("Load it has to carry", _accelerators),
    "load_on_one_needed": ("Load it has to carry on one card", _accelerators),
    "expected_value_lower_quartile": ("Worth a month less what overload would cost, lower quartile", _money),
    "availability": ("A machine on spot is there", _of_the_time),
    "shortfall": ("Too few are there on spot", _of_the_time),
    "fallback_on_demand": ("On demand instead, on average", _unit("machines")),
    "total": ("Paid for in all", _money),
    "drawn": ("Used so far", _money),
    "per_day": ("Used a day", _money),
    "needed_per_day": ("A day that would use it up", _money),
    "lost": ("Lost at its end", _money),
    "monthly_cost_now": ("Costs a month now", _money),
    "monthly_cost_colder": ("Would cost a month", _money),
    "readings_to_come": ("Readings to come", _money),
}
_NAMES = ("run", "groups", "resources", "placed", "commitment_id", "instance_type", "machine", "contract")
"""Names that others gave, which may look like a number or like a word of ours."""
_OURS = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""A key that is a word of ours; any other is a name that others gave."""
_OF_WINDOW = ("tokens", "cost", "lost_cost", "spared_cost", "unrecorded_cost", "cost_after_the_plateau")
"""Sums of the days looked at, which other amounts beside them are scaled to a month from."""
_BEFORE_PRICES = "price_date"
_PRICES = {"current_price": "List price now", "proposed_price": "List price proposed"}
_ENDINGS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("_share", _share),
    ("_rate", _share),
    ("_bytes", _gibibytes),
    ("_minutes", _unit("minutes")),
    ("_hours", _unit("hours")),
    ("_days", _unit("days")),
    ("_cost", _money),
    ("_monthly", _money),
    ("_hourly", _per_unit),
    ("_price", _per_unit),
    ("_million", _per_unit),
    ("_percent", lambda value: f"{_number(value)} %"),
)
"""Units by the end of a name."""
_UNITS = ("_bytes", "_minutes", "_hours", "_days", "_percent")
"""Said behind the number, and not in its name as well."""
_REPLAYED = ("replay", "replay_none_because", "replay_hours", "replay_violation_minutes", "replay_worst_overload")
_NONE_IS_NO = ("hard_to_regain",)
"""Where there is nothing of it, nothing is said."""
_NONE_IS_NO_RANGE = ("first_stage_saves",)
"""Its percentiles are none where nothing differs, and not unknown."""
_TOLD = ("terraform",)
"""Shown beside the command."""


def in_words(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each item of evidence as its name and value, in an order that reads well; what is not known is said to be."""
    for key, (title, shown) in _WORDS.items():
        if key == _BEFORE_PRICES:
            yield from _prices(evidence)
        if key in evidence and not (key in _NONE_IS_NO and evidence[key] is None):
            yield title, _value(_ranged(evidence[key]) if key in _NONE_IS_NO_RANGE else evidence[key], shown)
    for key, value in sorted(_others(evidence)):
        yield _title(key) + (" in the time looked at" if key in _OF_WINDOW else ""), _value(value, _shown_by(key))


def _ranged(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in found.items() if value is not None}


def _prices(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Both prices; their day and source come next."""
    currency = f" {code}" if (code := evidence.get("price_currency")) else ""
    for key, title in _PRICES.items():
        if key in evidence:
            value = evidence[key]
            yield title, UNKNOWN if value is None else f"{unit_price(_decimal(value))}{currency} an hour"
    if currency and not evidence.keys() & _PRICES.keys():
        yield "Prices in", currency.strip()


def replay_sentence(evidence: Mapping[str, Any], bound: Decimal | None = None) -> str | None:
    """What the replay on history showed, in a sentence, or why there was none; None where neither is known.

    ``bound`` is the upper 95 % bound of the share of hours in which it would have fallen short, where the replay has
    none of its own.
    """
    if because := evidence.get("replay_none_because"):
        return f"None, because {because}."
    replay = evidence.get("replay") or {}
    bound = _own_bound(replay, bound)
    if "tried" in replay:
        return _tried(replay)
    hours = replay.get("hours", evidence.get("replay_hours"))
    if hours is None:
        return None
    if "utilisation" in replay:
        return (
            f"On {_number(hours)} later hours {_share(replay['utilisation'])} of it would have been used, "
            f"saving {_share(replay.get('effective_savings_rate', 0))} of the on-demand price; "
            f"{_number(replay.get('hours_not_fully_used', 0))} hours would not have used all of it."
        )
    minutes = replay.get("violation_minutes", evidence.get("replay_violation_minutes"))
    if ("hours_on" in evidence or replay.get("off")) and minutes is not None:
        said = (
            f"On {_number(hours)} held-out hours it would have been off while it worked for {_number(minutes)} minutes"
        )
    elif "wait_minutes" in evidence:
        said = (
            f"On {_number(hours)} hours of its past somebody would have waited for a start {_number(minutes)} minutes"
        )
    elif "outbid" in replay and minutes is not None:
        said = (
            f"On {_number(hours)} held-out hours of its prices spot would have cost more than on demand for "
            f"{_number(minutes)} minutes, in {_number(replay['outbid'])} stretches; some "
            f"{_number(replay['interruptions_expected'])} interruptions are expected in the others"
        )
    elif minutes is None:
        said = f"It was replayed on {_number(hours)} held-out hours; what they lacked is unknown"
    else:
        said = f"On {_number(hours)} held-out hours it would have been over capacity for {_number(minutes)} minutes"
    if bound is not None:
        said += f"; {at_most(bound)} of hours at 95\u00a0%"
    worst = replay.get("worst_overload", evidence.get("replay_worst_overload"))
    if minutes and worst and "outbid" not in replay:
        said += f"; at worst {_share(worst)} more was asked than there would have been"
    return f"{said}." + (" The history is short, so this says little." if replay.get("low_evidence") else "")


def _own_bound(replay: Mapping[str, Any], otherwise: Decimal | None) -> Decimal | None:
    own = replay.get("violation_bound")
    return otherwise if own is None else _decimal(own)


def _tried(replay: Mapping[str, Any]) -> str | None:
    """A rule that was tried on things, each once, and not on hours; None where there was nothing to try it on."""
    if not replay["tried"]:
        return None
    said = f"Tried on {_number(replay['tried'])} {replay['of']}: {_number(replay['wrong'])} {replay['wrong_where']}"
    bound = replay.get("violation_bound")
    return f"{said}." if bound is None else f"{said}; {at_most(_decimal(bound))} of such at 95\u00a0%."


def measured(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same as ``in_words`` without what ``replay_sentence`` says and what stands beside the command."""
    yield from in_words({key: value for key, value in evidence.items() if key not in (*_REPLAYED, *_TOLD)})


def other_evidence(evidence: Mapping[str, Any], known: Sequence[str]) -> str | None:
    """What is not among ``known``, on one line: ``Weeks looked at: 4; Timezone: Europe/Berlin``."""
    rest = {key: value for key, value in evidence.items() if key not in known}
    return "; ".join(f"{title}: {' '.join(value.split())}" for title, value in in_words(rest)) or None


def _others(evidence: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What has no words of its own; of the replay, whatever the sentence and the columns do not say."""
    for key in evidence.keys() - _WORDS.keys() - _PRICES.keys() - {"price_currency"}:
        yield key, evidence[key]


def _title(key: str) -> str:
    name = next((key.removesuffix(end) for end in _UNITS if key.endswith(end) and key != end[1:]), key)
    words = name.replace("_", " ").capitalize()
    return re.sub(
        r"\b(api|gb|ms|sm)\b", lambda found: found[0].upper() if found[0] != "ms" else "ms", words, flags=re.IGNORECASE
    )


def _shown_by(key: str) -> Callable[[Any], str]:
    if key in _NAMES:
        return str
    return next((shown for ending, shown in _ENDINGS if f"_{key}".endswith(ending)), _plain)


def _value(value: Any, shown: Callable[[Any], str]) -> str:
    """A value in words; where it is no number, though its name says so, as it is."""
    if value is None:
        return "unknown"
    if isinstance(value, Mapping):
        parts = ((key, item, _shown_by(str(key))) for key, item in value.items())
        return (
            ", ".join(f"{_word(key)} {_value(item, shown if how is _plain else how)}" for key, item, how in parts)
            or "none"
        )
    if isinstance(value, list | tuple):
        several = "; " if any(isinstance(item, Mapping | list | tuple) for item in value) else ", "
        return several.join(_value(item, shown) for item in value) or "none"
    try:
        return shown(value)
    except (InvalidOperation, ValueError):
        return _plain(value)


def _word(key: object) -> str:
    if not _OURS.fullmatch(str(key)):
        return str(key)
    words = _WORDS.get(str(key))
    said = words[0] if words else _title(str(key))
    return said if said[:2].isupper() else said[:1].lower() + said[1:]
