"""One recommendation in full, in words: what to do, what it saves, its proof, and how to decide.

Pairs of a title and what it is, as page and command line lay them out. Money is in the recommendation's currency.
"""

from __future__ import annotations

from recommender.life import possible
from reports.advice_words import not_counted
from reports.evidence import measured, replay_sentence
from reports.formats import UNKNOWN, at_most, change_name, moment, money, percent, risk_name, saving_range
from reports.views import PROMISING_STATES, Recommendation

RISK = "Risk of acting"
CONFIDENCE = "Confidence in finding"

Pair = tuple[str, str]


def savings(row: Recommendation) -> list[Pair]:
    """What it does, and what that saves a month: at list price, at the company's rates, net of commitments."""
    between = saving_range(row.saving_p10, row.saving_p90)
    missing = not_counted(row)
    monthly = f"{row.currency} a month"
    return [
        ("Now", row.current),
        ("Proposed", row.proposed),
        ("Costs now", f"{money(row.monthly_cost)} {monthly}"),
        ("Saves at list price", f"{money(row.monthly_saving_list)} {monthly}"),
        ("Saves at your rates", f"{money(row.monthly_saving_effective)} {monthly}"),
        ("Saves net of commitments", f"{money(row.monthly_saving_net)} {monthly}"),
        (
            "Likely between (P10, P90)",
            f"{between} {monthly}{_median(row)}" if between != UNKNOWN else _no_range(row),
        ),
        ("Counted in the total", f"no, {missing}" if missing else f"{money(row.counted_net)} {monthly}"),
    ]


def _median(row: Recommendation) -> str:
    return "" if row.saving_p50 is None else f", as likely above as below {money(row.saving_p50)} (P50)"


def _no_range(row: Recommendation) -> str:
    """A saving that is certain has no range either, and is not one of which nothing is known."""
    because = str(row.evidence.get("range_from") or "").partition("none: ")[2]
    return f"no range: {because}" if because else f"{UNKNOWN} (no range is known)"


def _at_most(row: Recommendation) -> str:
    """The bound of its risk, and of what it is a share: of hours, or of things that its rule was tried on."""
    if row.violation_bound is None:
        return ""
    share, replay = f"{at_most(row.violation_bound)} of", row.evidence.get("replay") or {}
    if "shortfall" in row.evidence and not replay:
        return f": by the market's interruptions too few are there {percent(row.violation_bound, 1)} of the time"
    if "tried" in replay:
        said = f"{share} {replay['of']} {replay['wrong_where']}"
    elif "utilisation" in replay:
        said = f"not all of it is used in {share} hours"
    elif "hours_on" in row.evidence or replay.get("off"):
        said = f"it would be off while it works in {share} hours"
    elif "wait_minutes" in row.evidence:
        said = f"somebody waits for a start in {share} hours"
    elif "outbid" in replay:
        said = f"spot costs more than on demand in {share} hours"
    else:
        said = f"falls short in {share} hours"
    return f": {said} (95\u00a0%\u00a0sure)"


def facts(row: Recommendation) -> list[Pair]:
    """What it takes, what to mind, whose it is, and what was decided."""
    payback = f"{row.payback_months:,.1f} months" if row.payback_months is not None else UNKNOWN
    found = [
        ("One-off cost", f"{money(row.one_off_cost)} {row.currency}, paid back in {payback}")
        if row.one_off_cost
        else ("One-off cost", UNKNOWN if row.one_off_cost is None else "none known beside the work it takes"),
        (RISK, f"{risk_name(row.risk)}{_at_most(row)}"),
        (CONFIDENCE, row.confidence),
        ("Effort", row.effort.replace("_", " ")),
        ("To undo", row.undo),
        ("Account, region", f"{row.account or 'unknown'}, {row.region or 'unknown'}"),
        ("Model, team", f"{row.model or 'no model known'}, {row.team or 'no team known'}"),
    ]
    if row.decision is not None and row.decided_at is not None:
        why = f": {row.decision_reason}" if row.decision_reason else ""
        who = f" by {row.decided_by}" if row.decided_by else ""
        until = f" until {row.decided_until}" if row.decided_until else ""
        found.append(("Decided", f"{change_name(row.decision)}{until}{who}, {moment(row.decided_at)}{why}"))
    return found


def proof(row: Recommendation) -> list[Pair]:
    """The replay on history first, then what was measured, and until when."""
    found = list(measured(row.evidence))
    replayed = replay_sentence(row.evidence, row.violation_bound)
    if replayed is not None:
        found.insert(0, ("Replay on history", replayed))
    if row.evidence_until is not None:
        found.append(("Measured until", moment(row.evidence_until)))
    return found


_DECISIONS = {
    "accepted": "accept {id}",
    "dismissed": "dismiss {id} --reason TEXT",
    "snoozed": "snooze {id} --until DAY",
    "done": "done {id}",
    "reopened": "reopen {id}",
}


def decisions(row: Recommendation) -> list[str]:
    """The commands that decide on it as it stands."""
    ours = [_DECISIONS[event] for event in possible(row.state) if event in _DECISIONS]
    if row.gate is not None and row.evaluation is None and row.state in PROMISING_STATES:
        ours.append("evaluated {id} --passed --reason TEXT")
    return [f"aispend recommendations {one.format(id=row.id)}" for one in ours]
