"""Shorter answers: limit how many tokens a call may write, where what was cut was measured.

Assumes
    Output is paid by the token, so that a share less of it costs that share less; input stays as it is.
Method
    Share of the output that a limit (``max_tokens``, an instruction to be brief, a format of fields) cut on one's own
    calls, times what output costs. Linear, and nothing else is (methods, output-length limits).
Cases
    Nobody measured a share: no advice, as none is published that holds for another's prompts; the reason says what a
    tenth less would save. Never counted before the gate is passed: an answer that is cut off is no answer.
Sources
    docs/advice.md; methods, 6.2 (output-length limits: linear in tokens, evaluation, computed).
Known drawbacks
    A call that is asked again because its answer was cut costs twice. Tokens of reasoning count as output where the
    provider bills them as such, and cutting these changes answers most.
"""

from __future__ import annotations

from decimal import Decimal

from aispend.advising import Recommend
from aispend.money import in_words
from aispend.percents import percent
from recommender.contract import Advice, Kind, Step, WhyNot
from recommender.evidence import as_billed, not_replayed
from recommender.kinds.bought_tokens import (
    by_week,
    describe,
    evidence,
    no,
    nothing_to_save,
    place,
    share_meant,
    window_cost,
)
from recommender.savings import CENT, Spread, cost_remark, monthly_cost, saving
from recommender.subjects.token_use import TokenUse

NAME = "output_limit"
GATE = "an evaluation of the shorter answers on your own calls"
_NOTHING = Decimal(0)
_TENTH = Decimal("0.1")


def applies(subject: TokenUse) -> bool:
    """Whatever generates and is paid by the token."""
    return bool(subject.class_costs.get("output")) and subject.service_tier != "provisioned"


def evaluate(subject: TokenUse, settings: Recommend) -> Advice | WhyNot:
    """Limit its answers, or why not."""
    options = settings.output_limit
    days = options.window_days
    if found := nothing_to_save(subject, days):
        return no(NAME, subject, days, *found)
    cost = monthly_cost(subject, days) or _NOTHING
    of_output = subject.cost("output", days) / window_cost(subject, days)
    if of_output <= 0 or not subject.amount("output", days):
        return no(NAME, subject, days, "tokens_unknown", "Its bill does not say how much of its cost is for output.")
    rules = [(share_meant(rule, subject), rule) for rule in options.cut]
    part, rule = max(rules, key=lambda one: one[0] * one[1].share, default=(_NOTHING, None))
    answer = subject.answer_tokens(days)
    mean = f"{answer:,.0f} tokens an answer" if answer else "answers of a length nobody recorded"
    if rule is None or part <= 0:
        tenth = (cost * of_output * _TENTH).quantize(CENT)
        return no(
            NAME,
            subject,
            days,
            "unmeasured",
            f"{percent(of_output)} of its cost is output, with {mean}; a tenth less of it would save "
            f"{in_words(tenth, subject.currency)} a month. How much can be cut without harm is known to nobody but "
            "you: let a hundred calls answer with a limit, judge the answers, and say under "
            "[[recommend.output_limit.cut]] what share of the output was cut (model, team or endpoint, and share).",
        )
    cut = part * rule.share
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe(subject)}; {mean}",
        proposed=f"limit answers: {percent(cut)} less output",
        monthly_cost=cost,
        saving=saving(
            subject,
            days,
            min(cut * of_output, Decimal(1)),
            Spread(
                by_week(subject, days, lambda week: cut * week.cost("output", days) / window_cost(week, days)),
                beside="calls that are asked again because an answer was cut",
            ),
        ),
        risk=3,
        confidence="medium",
        effort="low",
        reason=(
            f"{percent(of_output)} of its cost is output, with {mean}. You measured that {percent(rule.share)} of it "
            f"can be cut{'' if part == 1 else f' of {percent(part)} of its calls'}; cost is linear in it."
            f"{cost_remark(subject, days)}"
        ),
        undo="take the limit out again",
        command="\n".join(
            (
                place(subject),
                "# 1. set max_tokens (maxTokens in Bedrock's Converse, maxOutputTokens at Google) above the longest",
                "#    answer that was judged good, and ask for a brief form; count answers that end at the limit",
                "# 2. say how it came out: aispend recommendations evaluated, with its id, --passed or --failed",
            )
        ),
        target="output_limit",
        gate=GATE,
        evidence_until=subject.as_of,
        evidence={
            **evidence(subject, days),
            **as_billed(subject),
            **not_replayed("whether shorter answers are good is in no history: the evaluation says so"),
            "output_cost_share": f"{of_output:.4f}",
            "output_cut_share": f"{cut:.4f}",
            "output_tokens_per_request": None if answer is None else f"{answer:.0f}",
        },
    )


KIND = Kind(
    name=NAME,
    subject=TokenUse,
    step=Step.SIZE,
    title="Shorter answers",
    needs="output tokens and their cost; the share of them that a limit cut on your own calls; an evaluation of those",
    applies=applies,
    evaluate=evaluate,
    # one acts on output, the other on input
    together=frozenset({"prompt_cache"}),
)
