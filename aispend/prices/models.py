"""One name per model, however a bill, an API or a serving engine writes it.

Assumes a name is compared without case and separators once the path, region, vendor and version parts are off.
Method: take such parts off one after the other, least first; the first form that ``models.toml`` knows is the
model. A name it does not know keeps its own spelling, normalised, so that nothing is lost and nothing is guessed.
Known drawbacks: dated versions of a model are one model; a fine-tune or a quantisation named like nothing known is
a model of its own; an application inference profile is an opaque id until usage says which model it serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from aispend.prices.data import read_toml

_PATH_MARKERS = ("/models/", "foundation-model/", "inference-profile/")
_ROUTERS = re.compile(
    r"^(?:azure_ai|azure|bedrock_converse|bedrock|converse|vertex_ai|gemini|openrouter|openai|anthropic|models"
    r"|groq|together_ai|fireworks_ai|deepinfra|huggingface|hosted_vllm|vllm|ollama|databricks|sagemaker"
    r"|[a-z]{2}(?:-gov)?-[a-z]+-\d)/"
)
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|au|ca|jp|sa|global)\.")
_VENDOR = re.compile(
    r"^(?:anthropic|meta|amazon|mistral|cohere|ai21|stability|openai|google|microsoft|writer|twelvelabs|nvidia"
    r"|zai|moonshotai|moonshot|minimax|xai|qwen)\."
)
_SUFFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\s*\([^()]*\)$",
        r"@[\w.-]+$",
        r"(?:-\d)?:\d+(?::\w+)?$",
        r":(?:free|beta|extended|nitro|latest)$",
        r"-v\d+$",
        r"[-_ ](?:latest|preview|exp|experimental|maas|ga)$",
        r"[-_ ](?:19|20)\d{2}-?[01]\d-?[0-3]\d$",
        r"[-_ ][01]\d-(?:20)\d{2}$",
        r"[-_ ][01]\d-[0-3]\d$",
        r"[-_ ]\d{4}$",
        r"[-_ ]00\d$",
    )
)
_CERTAIN_SUFFIXES = tuple(
    re.compile(pattern) for pattern in (r"-v\d+:\d+(?::\w+)?$", r"@20\d{6}$", r"-20\d{6}$", r"-20\d{2}-\d{2}-\d{2}$")
)


@dataclass(frozen=True)
class _Family:
    match: re.Pattern[str]
    name: str
    product: re.Pattern[str] | None
    drop_zero: bool


@dataclass(frozen=True)
class _Catalogue:
    spellings: Mapping[str, str]
    families: tuple[_Family, ...]
    billed: tuple[_Family, ...]
    words: Mapping[str, str]


@lru_cache(maxsize=16384)
def canonical_model(name: str) -> str:
    """The model's one name; total, and stable when applied twice. Empty only for a name without letters or digits.

    >>> canonical_model("us.anthropic.claude-3-5-sonnet-20241022-v2:0")
    'claude-3.5-sonnet'
    >>> canonical_model("publishers/google/models/gemini-2.5-flash")
    'gemini-2.5-flash'
    >>> canonical_model("Acme/Support Bot v7")
    'acme/support-bot-v7'
    """
    return known_model(name) or _normalised(name)


@lru_cache(maxsize=16384)
def known_model(name: str) -> str | None:
    """The model's one name where the catalogue knows it, else None."""
    for variant in _variants(name.strip().lower()):
        found = _look_up(compact(variant))
        if found:
            return found
    return None


def billed_model(name: str, product: str) -> str | None:
    """The model a meter means that leaves the maker's name out, given the product it stands under; else None.

    >>> billed_model("5.4 mini", "Azure OpenAI GPT5")
    'gpt-5.4-mini'
    >>> billed_model("4.3", "") is None
    True
    """
    catalogue = _catalogue()
    for variant in _variants(name.strip().lower()):
        squeezed = compact(variant)
        for family in catalogue.billed:
            if family.product is not None and not family.product.search(product.lower()):
                continue
            found = family.match.fullmatch(squeezed)
            if found:
                return _expand(family, found)
    return None


def compact(name: str) -> str:
    """A name without case and separators; ``3-5`` becomes ``3.5``, dots survive between digits only.

    >>> compact("Llama3-1-70B")
    'llama3.170b'
    """
    joined = re.sub(r"(?<=\d)[-_ ](?=\d(?![\da-z]))", ".", name.lower().replace("+", "plus"))
    kept = re.sub(r"[^a-z0-9.]", "", joined)
    return re.sub(r"(?<!\d)\.|\.(?!\d)", "", kept)


def _variants(name: str) -> Iterator[str]:
    """The name, then forms of it with more and more taken off that does not say which model it is."""
    roots = [name]
    roots += [f"/{name}".rsplit(marker, 1)[1] for marker in _PATH_MARKERS if marker in f"/{name}"]
    if "/" in name:
        roots.append(name.rsplit("/", 1)[1])
    seen = set()
    for root in roots:
        bare = _VENDOR.sub("", _REGION.sub("", root))
        for start in (root, bare):
            form = start
            while form and form not in seen:
                seen.add(form)
                yield form
                shorter = next((cut for cut in (suffix.sub("", form) for suffix in _SUFFIXES) if cut != form), form)
                form = shorter


def _look_up(squeezed: str) -> str | None:
    catalogue = _catalogue()
    if squeezed in catalogue.spellings:
        return catalogue.spellings[squeezed]
    for family in catalogue.families:
        found = family.match.fullmatch(squeezed)
        if found:
            return _expand(family, found)
    return None


def _expand(family: _Family, found: re.Match[str]) -> str:
    words = _catalogue().words

    def group(place: re.Match[str]) -> str:
        value = found[int(place[2])] or ""
        if family.drop_zero:
            value = value.removesuffix(".0")
        value = words.get(value, value)
        return f"-{value}" if place[1] and value else value

    return re.sub(r"\{(-?)(\d)\}", group, family.name)


def _normalised(name: str) -> str:
    """An unknown name in lower case with dashes, without what certainly says only where and when it ran."""
    form = re.sub(r"[\s_]+", "-", name.strip().lower())
    if not _says_something(form):
        return ""
    while True:
        before = form
        for shorter in _certainly_shorter(form):
            if shorter != form and _says_something(shorter):
                form = shorter
                break
        if form == before:
            return form


def _certainly_shorter(form: str) -> Iterator[str]:
    for marker in _PATH_MARKERS:
        tail = f"/{form}".rsplit(marker, 1)[-1]
        if marker in f"/{form}" and re.search(r"[a-z]", tail):
            yield tail
    for pattern in (_ROUTERS, _REGION, _VENDOR, *_CERTAIN_SUFFIXES):
        yield pattern.sub("", form)
    yield re.sub(r"-{2,}", "-", form).strip("-/ ")


def _says_something(name: str) -> bool:
    return any(character.isalnum() for character in name)


@lru_cache(maxsize=1)
def _catalogue() -> _Catalogue:
    data = read_toml("models.toml")
    spellings = {}
    for model in data["model"]:
        for spelling in (model["name"], *model.get("also", ())):
            spellings[compact(spelling)] = model["name"]
    return _Catalogue(
        spellings=spellings,
        families=tuple(_family(entry) for entry in data["family"]),
        billed=tuple(_family(entry) for entry in data["billed"]),
        words=data["words"],
    )


def _family(entry: Mapping[str, str]) -> _Family:
    return _Family(
        match=re.compile(entry["match"]),
        name=entry["name"],
        product=re.compile(entry["product"]) if "product" in entry else None,
        drop_zero=bool(entry.get("drop_zero", False)),
    )
