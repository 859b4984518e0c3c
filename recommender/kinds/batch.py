"""Send what can wait as batches.

Assumes
    Requests of a stage nobody waits for, or that a tag or a setting says may wait, can wait for a day: the longest a
    provider takes.
Method
    The provider's discount on the model's own effective prices, on the eligible share of its tokens (methods, T5.4).
    Cached input keeps its own price unless the provider is known to take the discount off that as well.
Cases
    Already at the batch (or flex) tier: left out. Online use of which nothing says it may wait: never advised;
    the reason says what to set. A tag says it of the charges that carry it and of no others. A model that is not sold
    in batches, a provider whose rule is not known, or cached input alone that keeps its price: no advice.
Sources
    ``recommender/methods/api_discounts.toml`` and ``api_models.toml``, provider by provider; docs/advice.md.
Known drawbacks
    A contract may have other discounts. How often a cache still hits within a batch is not known beforehand.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from aispend.advising import Recommend
from aispend.buying import Batch
from aispend.percents import percent
from aispend.tag_keys import tag_values
from recommender.contract import Advice, Confidence, Kind, Step, WhyNot
from recommender.evidence import NOTHING_FALLS_SHORT, not_replayed, priced
from recommender.kinds.bought_tokens import (
    by_week,
    counted,
    describe,
    evidence,
    no,
    nothing_to_save,
    place,
    quoted,
    share_meant,
    window_cost,
)
from recommender.methods.api_models import rules_name, sold_in_batches
from recommender.methods.api_prices import ApiDiscounts, api_discounts, batch_saving
from recommender.methods.api_prices import TokenUse as Counted
from recommender.methods.risk import sees_month_end
from recommender.savings import Spread, cost_remark, monthly_cost, recent, saving
from recommender.subjects.token_use import TokenUse

NAME = "batch"
_CHEAP_TIERS = frozenset({"batch", "flex"})
_ALL = Decimal(1)


def applies(subject: TokenUse) -> bool:
    """Tokens bought one request at a time."""
    return subject.service_tier not in _CHEAP_TIERS | {"provisioned"}


def evaluate(subject: TokenUse, settings: Recommend) -> Advice | WhyNot:
    """Send as batches, or why not."""
    options = settings.batch
    days = options.window_days
    model = subject.model or ""
    rules = api_discounts().get(rules_name(subject.provider) or "")
    if rules is None or rules.batch_discount is None:
        return no(NAME, subject, days, "rule_unknown", f"No batch price of {subject.provider} is known.")
    if not sold_in_batches(subject.provider, model):
        return no(NAME, subject, days, "not_offered", f"{model} is not known to be sold in batches there.")
    eligible, because = _eligible(subject, options)
    if eligible <= 0:
        return no(
            NAME,
            subject,
            days,
            "not_deferrable",
            f"A batch costs {percent(rules.batch_discount)} less and answers within {rules.batch_hours} h. Nothing "
            f"says that this may wait: its stage is {subject.stage}. If some of it may, name it under "
            "[[recommend.batch.can_wait]] (model, team or endpoint, and share).",
        )
    if found := nothing_to_save(subject, days):
        return no(NAME, subject, days, *found)
    use = counted(subject, days)
    share = _share(subject, days, rules, eligible)
    if use is None or (not share and subject.cost("cached_input", days) <= 0):
        return no(NAME, subject, days, "tokens_unknown", "Its bill does not say how many tokens its cost is for.")
    keeps = _keeps(rules, use[1])
    if not share:
        why = "whether batches take anything off it is not known" if keeps else "it keeps its own price in a batch"
        return no(NAME, subject, days, "cached_alone", f"What it pays for is cached input, and {why}.")
    return _advice(subject, days, rules, share=share, eligible=eligible, because=because, keeps=keeps)


def _keeps(rules: ApiDiscounts, tokens: Counted) -> bool:
    """Whether cached input is left out, as nobody knows what a batch takes off it."""
    return rules.stacking is None and tokens.cached_input > 0


def _share(subject: TokenUse, days: int, rules: ApiDiscounts, eligible: Decimal) -> Decimal | None:
    """Share of its cost that a batch saves; None where its price is not known."""
    use = counted(subject, days)
    whole = window_cost(subject, days)
    if use is None or whole <= 0:
        return None
    prices, tokens = use
    if _keeps(rules, tokens):
        tokens = Counted(tokens.uncached_input, tokens.output)
    found = batch_saving(prices, tokens, rules, eligible)
    return found.saved / whole if found is not None else None


def _eligible(subject: TokenUse, options: Batch) -> tuple[Decimal, str]:
    """Share of its tokens that can wait, and what says so."""
    set_to = max(((share_meant(rule, subject) * rule.share) for rule in options.can_wait), default=Decimal(0))
    by_stage = subject.stage_share(options.stages)
    by_tag = [
        (subject.tagged_share(partial(_says, key, glob)), f"the tag {key} = {glob}")
        for key, glob in options.tags.items()
    ]
    return max(
        *by_tag,
        (set_to, "your settings (recommend.batch.can_wait)"),
        (by_stage, f"its stage, {subject.stage}" if by_stage == _ALL else "the stage of that part"),
        key=lambda one: one[0],
    )


def _says(key: str, glob: str, tags: Mapping[str, str]) -> bool:
    """Whether a tag is there and, in each spelling, as the settings have it."""
    said = [value.lower() for value in tag_values(tags, key)]
    return bool(said) and all(fnmatch.fnmatchcase(value, glob.lower()) for value in said)


def _advice(
    subject: TokenUse, days: int, rules: ApiDiscounts, *, share: Decimal, eligible: Decimal, because: str, keeps: bool
) -> Advice:
    verified = rules.evidence.startswith("V")
    known_days = (subject.as_of.date() - recent(subject, days)[0].day).days
    confidence: Confidence = "high" if verified and sees_month_end(subject.as_of.date(), known_days) else "medium"
    part = "all of it" if eligible == _ALL else f"{percent(eligible)} of it"
    cached = ""
    if rules.stacking == "cache":
        cached = " Cached input keeps its own price."
    elif keeps:
        cached = " Cached input is left out: whether batches take anything off it is not known."
    cost = monthly_cost(subject, days)
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"send {part} as batches, answered within {rules.batch_hours} h",
        monthly_cost=Decimal(0) if cost is None else cost,
        saving=saving(
            subject,
            days,
            share,
            Spread(
                by_week(subject, days, lambda week: _share(week, days, rules, eligible)),
                beside="how often a cache still hits within a batch" if cached else "",
            ),
        ),
        risk=1,
        confidence=confidence,
        effort="medium",
        reason=(
            f"A batch costs {percent(rules.batch_discount or 0)} less than a request at a time, and {part} may wait "
            f"for the answer: so says {because}.{cached}{cost_remark(subject, days)}"
        ),
        undo="send the requests one at a time again; answers that are back stay",
        command="\n".join((place(subject), "# check first that nothing waits for an answer", *_command(subject))),
        target="batch",
        evidence_until=subject.as_of,
        evidence={
            **evidence(subject, days),
            "eligible_share": f"{eligible:.4f}",
            "eligible_by": because,
            "discount": f"{rules.batch_discount:f}",
            "stacking": rules.stacking,
            **priced(rules.source, rules.checked),
            **not_replayed(NOTHING_FALLS_SHORT),
            "price_evidence": rules.evidence,
        },
    )


def _command(subject: TokenUse) -> tuple[str, ...]:
    """How a batch is started there, as text; the names of files are the reader's."""
    region = quoted(subject.region, "REGION")
    if subject.provider == "aws":
        return (
            "aws bedrock create-model-invocation-job --job-name NAME --role-arn ROLE --model-id MODEL_ID"
            " --input-data-config 's3InputDataConfig={s3Uri=s3://BUCKET/requests.jsonl}'"
            f" --output-data-config 's3OutputDataConfig={{s3Uri=s3://BUCKET/answers/}}' --region {region}",
        )
    if subject.provider == "azure":
        return (
            "# in a deployment of type DataZoneBatch, which stays in its zone, or GlobalBatch, which may be processed",
            "# in any country: upload requests.jsonl (purpose batch), then",
            'curl -X POST "$ENDPOINT/openai/v1/batches" -H "api-key: $KEY" -H \'Content-Type: application/json\''
            ' -d \'{"input_file_id": "FILE", "endpoint": "/chat/completions", "completion_window": "24h"}\'',
        )
    if subject.provider == "gcp":
        return (
            "# with the google-genai client: client.batches.create(model=MODEL, src='gs://BUCKET/requests.jsonl',",
            f"#   config={{'dest': 'gs://BUCKET/answers'}}), location {region}",
        )
    return ("# upload the requests as a file and create a batch of it with the provider's batch API",)


KIND = Kind(
    name=NAME,
    subject=TokenUse,
    step=Step.SCHEDULE,
    title="Send what can wait as batches",
    needs="a stage, tag or setting that says the answers may wait; the provider's batch price of the model",
    applies=applies,
    evaluate=evaluate,
)
