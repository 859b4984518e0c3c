"""What one unit of a token-priced SKU buys: which model, which kind of token, how many.

Assumes the shapes seen on real bills and price lists (docs/ai-spend.md lists them with examples).
Method: cut region and marketplace codes off, split into words, read direction and tier off the words; the longest
run of words that is a known model, with nothing but such words around it, is the model. Otherwise the words left
over are its name, as they stand. Where no word is left the product names the model, or nobody does.
Cases: "M" alone is a million to an engineer and a thousand to a banker: unknown. "1M" and "MM" are a million.
Known drawbacks: prose in an unknown shape gives a name with extra words in it, never another model's name.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from aispend.prices.models import billed_model, canonical_model, known_model

_REGION_CODE = re.compile(r"^(?:US|EU|AP|CA|SA|ME|AF|IL|UG|CN|MX)[A-Z]{0,2}\d?-")
_MARKETPLACE = re.compile(r"^MP:(?:[A-Z]{2,4}\d?_)?")
_HOURLY = re.compile(r"\b(?:hours?|hrs?|seconds?|minutes?|months?|gb|sessions?|images?)\b", re.IGNORECASE)
_EDITION = re.compile(r"^(.*?)\s*\(Amazon Bedrock Edition\)", re.IGNORECASE)

_TOKEN = frozenset({"token", "tokens", "tokencount"})
_CHARACTER = frozenset({"character", "characters", "chars"})
_CACHE = frozenset({"cache", "cached", "caching", "cchd", "cd"})
_WRITE = frozenset({"write", "writes", "wr", "creation"})
_OUTPUT = frozenset({"output", "outp", "outpt", "opt", "out", "completion"})
_INPUT = frozenset({"input", "inp", "inpt", "prompt"})
_EMBED = frozenset({"embedding", "embeddings", "embed"})
_WHERE = frozenset({"global", "glbl", "gl", "regional", "regnl", "rgnl", "dz", "dzone", "zone"})
_TRAINING = frozenset({"training", "ft", "fine", "finetuned", "finetuning", "tuned", "tuning", "supervised"})
_KINDS = frozenset({"audio", "image", "video"})
_MODALITY = {"audio": "audio", "aud": "audio", "image": "image", "video": "video"}
_TIERS = {"batch": "batch", "flex": "flex", "priority": "priority", "pp": "priority", "provisioned": "provisioned"}
_TRADE = """
    count counts unit units million thousand 1m 1k 1h 5m 1000 1000000 standard std predictions prediction text txt
    read reads ga thinking reasoning long longco short shortco co context ctx lctx data cross geo region mantle on
    demand online modality latency optimized hit hits requests ppt preview in for of per from us east west north
    south central eu europe asia pacific canada america americas the and model generate generation content priced
"""
_NOISE = frozenset().union(
    _TOKEN, _CHARACTER, _CACHE, _WRITE, _OUTPUT, _INPUT, _WHERE, frozenset(_TIERS), frozenset(_TRADE.split())
)
"""Words of the trade around a model's name."""


class TokenSku(NamedTuple):
    """What a token SKU prices. ``model`` and ``units_per_pricing_unit`` are None where nothing says.

    ``unit_class`` is input, cached_input, cache_write, output or training_token, with audio_, image_ or video_
    before it for tokens of that kind and _character after it where characters are priced.
    ``service_tier`` is standard, batch, flex, priority or provisioned.
    """

    model: str | None
    unit_class: str
    units_per_pricing_unit: Decimal | None
    service_tier: str


def describe_token_sku(text: str, pricing_unit: str | None, *, product: str = "") -> TokenSku | None:
    """Read a meter, usage type or description; None where it does not price tokens or characters.

    ``product`` is what the SKU stands under (service, product or sub-category), for texts that name no model.

    >>> describe_token_sku("gpt-4o-mini-0718-Outp-glbl Tokens", "1K")[:3]
    ('gpt-4o-mini', 'output', Decimal('1000'))
    >>> describe_token_sku("USE1-MP:USE1_InputTokenCount-Units", "Units", product="Claude 3.5 Sonnet")[:3]
    ('claude-3.5-sonnet', 'input', Decimal('1000000'))
    """
    whole = words_of(text)
    counted = (pricing_unit or "").strip().lower() in {"count", "token", "tokens"}
    for segment in re.split(r"\s+[-–]\s+|\|", text):
        words = words_of(segment)
        direction = _direction(words)
        if direction is None:
            continue
        if direction == "training_token":
            words = [word for word in words if word not in _TRAINING]
        run = _known_run(words)
        kinds = set(words) | set(whole)
        if not (kinds & (_TOKEN | _CHARACTER) or set(words) & _WHERE or run or "predictions" in kinds or counted):
            continue
        if pricing_unit and _HOURLY.search(pricing_unit):
            return None
        unit_class = _modality(words, run) + direction + ("_character" if kinds & _CHARACTER else "")
        tier = next((_TIERS[word] for word in whole if word in _TIERS), "standard")
        scale = units_in(pricing_unit) or _units_by_shape(text)
        return TokenSku(_model(words, run, product), unit_class, scale, tier)
    return None


def units_in(pricing_unit: str | None) -> Decimal | None:
    """How many tokens (or characters, or counts) one pricing unit is; None where the text does not say.

    >>> [units_in(text) for text in ("1K", "1M Tokens", "1,000 tokens", "Tokens", "count", "M", "Units", "Hrs")]
    [Decimal('1000'), Decimal('1000000'), Decimal('1000'), Decimal('1'), Decimal('1'), None, None, None]
    """
    if not pricing_unit:
        return None
    plain = pricing_unit.strip().lower().replace(",", "")
    found = re.fullmatch(
        r"(\d+)?[ /]*(k|m|mm|thousand|million)?[ /]*(tokens?|characters?|chars?|counts?|tok|units?)?", plain
    )
    if not found or not plain:
        return None
    amount, scale, unit = found.groups()
    if scale is None and (amount is None and unit not in {"token", "tokens", "character", "characters", "count"}):
        return None
    if scale == "m" and amount is None and unit != "tok":
        return None
    factor = {None: 1, "k": 1000, "thousand": 1000, "m": 10**6, "mm": 10**6, "million": 10**6}[scale]
    return Decimal(amount or 1) * factor


def words_of(text: str) -> list[str]:
    """The words of a SKU text in lower case, without price, region code and marketplace frame."""
    cut = re.sub(r"^\W*[\d.]+(?:\s+\w{3})?\s+per\s+", "", text)
    cut = _MARKETPLACE.sub("", _REGION_CODE.sub("", cut))
    cut = re.sub(r"\([^()]*\)", " ", cut)
    cut = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=Write)(?=\d)|(?<=\dh)(?=[A-Z])", " ", cut)
    return [word.strip(".") for word in re.split(r"[^a-z0-9.]+", cut.lower()) if word.strip(".")]


def _direction(words: list[str]) -> str | None:
    seen = set(words)
    if {"storage", "speech", "search", "tpm"} & seen:
        return None
    if seen & _CACHE:
        return "cache_write" if seen & _WRITE else "cached_input"
    if seen & _OUTPUT and seen & _INPUT:
        return None
    if "training" in seen and seen & _TOKEN:
        return "training_token"
    if seen & _OUTPUT:
        return "output"
    return "input" if seen & _INPUT or (seen & _EMBED and seen & (_TOKEN | _WHERE)) else None


def _known_run(words: list[str]) -> slice | None:
    """The longest run of words that is a known model and has only words of the trade around it."""
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size + 1):
            run = slice(start, start + size)
            outside = words[:start] + words[run.stop :]
            if any(word not in _NOISE and word not in _KINDS for word in outside):
                continue
            # "Gemini 2.5 Flash Image Input" are image tokens of the one model, not tokens of "Flash Image".
            if words[run.stop - 1] in _KINDS and set(words[run.stop : run.stop + 1]) & (_INPUT | _OUTPUT):
                continue
            # "Gemini 2.5 Pro Thinking Text Output" is how the one model answered; of others it is a model's name.
            if words[run.stop - 1] == "thinking" and words[run.start] == "gemini":
                continue
            if known_model(" ".join(words[run])):
                return run
    return None


def _modality(words: list[str], run: slice | None) -> str:
    outside = words if run is None else words[: run.start] + words[run.stop :]
    if {"text", "txt"} & set(words):
        return ""
    return next((f"{_MODALITY[word]}_" for word in outside if word in _MODALITY), "")


def _model(words: list[str], run: slice | None, product: str) -> str | None:
    if run is not None:
        return known_model(" ".join(words[run]))
    core = [word for word in words if word not in _NOISE]
    for left_out in (_KINDS, frozenset(_MODALITY)):
        candidate = "-".join(word for word in core if word not in left_out)
        found = billed_model(candidate, product) or known_model(candidate)
        if found:
            return found
    # a product of the marketplace is of one model, whatever words of the trade are new in its usage types
    if edition := _EDITION.match(product):
        return canonical_model(edition[1])
    if not core:
        return known_model(product)
    first = next(at for at, word in enumerate(words) if word not in _NOISE)
    last = next(at for at in reversed(range(len(words))) if words[at] not in _NOISE)
    name = "-".join(words[first : last + 1])
    return None if name[0].isdigit() else canonical_model(name)


def _units_by_shape(text: str) -> Decimal | None:
    """The scale a price list uses for texts of this shape, where the pricing unit does not say."""
    lowered = text.lower()
    if re.search(r"\b(?:1m|million)\b.*\btokens?\b|mp:[^|]*(?:token_?count|_tokens_)|\bmillion\b.*\btoken", lowered):
        return Decimal(10**6)
    if re.search(r"\b1k\b|\b1,?000\b", lowered) or re.search(r"-(?:tokens|token-count)\b|\btokens?$", lowered):
        return Decimal(1000)
    return None
