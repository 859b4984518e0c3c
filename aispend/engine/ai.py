"""Which grouped lines are AI spend: by SKU, by a neighbour on the same resource, by a model tag, by the user's rules.

Method
    A line is AI spend where its SKU is; where another line of the same resource is (a machine's cores, memory and
    licence are billed beside its accelerator); where a tag names the model. A rule of the user that says ``ai`` decides
    before all of that: the first rule that fits, as of the charge day.
    Rules are matched once per distinct combination of dimensions, and only where some rule says ``ai``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aispend.engine.line import MEASURE_COLUMNS, literal
from aispend.settings import Match, Rule, TagKeys
from aispend.tag_keys import spellings

_HASHES = ("context_h", "sku_h", "details_h", "resource_h", "tags_h")
_CARRIED = ("day", "end_day", "unknown", "hours", *MEASURE_COLUMNS, "lines")
_FLEETS = (
    ("aws:autoscaling:groupname", None),
    ("eks:nodegroup-name", "eks:cluster-name"),
    ("karpenter.sh/nodepool", "eks:eks-cluster-name"),
    ("goog-k8s-node-pool-name", "goog-k8s-cluster-name"),
)
"""Tags that name the fleet a machine belongs to, and the cluster within which that name is unique."""


TAG_KEYS_SQL = "SELECT DISTINCT tag.key FROM (SELECT unnest(entries) AS tag FROM tag_entry) ORDER BY ALL"
"""All keys of ``tag_entry``, as the bill writes them."""


def tag_entries_sql() -> str:
    """SELECT for table ``tag_entry``: per tag set its hash, keys and values."""
    return (
        "SELECT tags_h, tag_set_key, list_transform(map_entries(from_json(tags, '\"MAP(VARCHAR,VARCHAR)\"')), "
        "lambda tag: {'key': tag.key, 'value': trim(coalesce(tag.value, ''))}) AS entries "
        "FROM tag_set WHERE tags IS NOT NULL"
    )


def tag_facts_sql(keys: TagKeys, written: Sequence[str]) -> str:
    """Per tag set: its hash, keys and values, whether it names a model, and the fleet it names.

    ``written`` are all keys of the bill: which of them are one is asked once of each (``aispend.tag_keys``).
    """
    wanted = dict.fromkeys(key for name in keys.model for alike in spellings(written, name) for key in alike)
    fleets = ", ".join(
        f"CASE WHEN {_value(pool, written)} <> '' THEN "
        + (
            f"concat_ws('/', nullif({_value(cluster, written)}, ''), {_value(pool, written)})"
            if cluster
            else _value(pool, written)
        )
        + " END"
        for pool, cluster in _FLEETS
    )
    return (
        f"SELECT tags_h, tag_set_key, entries, len(list_filter(entries, lambda tag: {_is_one_of(wanted)} "
        f"AND tag.value <> '')) > 0 AS names_model, coalesce({fleets}) AS fleet FROM tag_entry"
    )


def _value(name: str, written: Sequence[str]) -> str:
    return f"{_said(name, written)}[1].value"


def _said(name: str, written: Sequence[str]) -> str:
    """Tags called ``name``: those of the first of these that has any: as it is asked for, alike, and the empty ones."""
    as_asked, alike = spellings(written, name)
    if not as_asked and not alike:
        return "list_filter(entries, lambda tag: FALSE)"
    some = ", ".join(
        f"nullif(list_filter(entries, lambda tag: {_is_one_of(group)} AND tag.value <> ''), [])"
        for group in (as_asked, alike)
        if group
    )
    return f"coalesce({some}, list_filter(entries, lambda tag: {_is_one_of((*as_asked, *alike))}))"


def _is_one_of(keys: Iterable[str]) -> str:
    texts = ", ".join(map(literal, keys))
    return f"tag.key IN ({texts})" if texts else "FALSE"


def charged_sql(rules: Sequence[Rule], written: Sequence[str]) -> str:
    """SELECT for relation ``charged``: readable grouped lines with their keys and ``is_ai``.

    ``written`` are all keys of tags in the bill.
    """
    ruling = [rule for rule in rules if rule.assign.ai is not None]
    joined = (
        "grouped JOIN context USING (context_h) JOIN sku USING (sku_h, details_h) JOIN sku_class USING (sku_key) "
        "JOIN resource USING (resource_h) JOIN tag_set USING (tags_h) JOIN charge_kind USING (context_h, flags) "
        "LEFT JOIN tag_fact USING (tags_h) LEFT JOIN ai_resource USING (resource_key)"
    )
    decided = "sku_class.is_ai OR ai_resource.accelerated IS TRUE OR coalesce(names_model, FALSE)"
    if ruling:
        joined += f" LEFT JOIN ({_ruled_sql(ruling, written)}) AS ruled USING ({', '.join(_HASHES)})"
        cases = " ".join(
            f"WHEN rule{place} AND {_valid(rule)} THEN {'TRUE' if rule.assign.ai else 'FALSE'}"
            for place, rule in enumerate(ruling)
        )
        decided = f"CASE {cases} ELSE {decided} END"
    return (
        f"SELECT {', '.join(_CARRIED)}, slice_no, account_key, sku_key, location_key, resource_key, "
        f"tag_set.tag_set_key, commitment_key, charge_kind_key, ({decided}) AS is_ai "
        f"FROM {joined} WHERE kept AND NOT bad"
    )


def ai_resource_sql() -> str:
    """Resources of which some line is AI spend by its SKU."""
    return (
        "SELECT DISTINCT resource_key, TRUE AS accelerated FROM "
        "(SELECT DISTINCT sku_h, details_h, resource_h FROM grouped WHERE kept AND NOT bad) "
        "JOIN sku USING (sku_h, details_h) JOIN sku_class USING (sku_key) JOIN resource USING (resource_h) "
        "WHERE is_ai AND resource_key <> 0"
    )


def _ruled_sql(rules: Sequence[Rule], written: Sequence[str]) -> str:
    hashes = ", ".join(_HASHES)
    tests = ", ".join(f"({_fits(rule.match, written)}) IS TRUE AS rule{place}" for place, rule in enumerate(rules))
    return (
        f"SELECT {hashes}, {tests} FROM (SELECT DISTINCT {hashes} FROM grouped WHERE kept AND NOT bad) "
        "JOIN context USING (context_h) JOIN sku USING (sku_h, details_h) JOIN resource USING (resource_h) "
        "LEFT JOIN tag_fact USING (tags_h)"
    )


def _valid(rule: Rule) -> str:
    bounds = [f"day >= DATE '{rule.valid_from}'"] if rule.valid_from else []
    bounds += [f"day < DATE '{rule.valid_to}'"] if rule.valid_to else []
    return " AND ".join(bounds) or "TRUE"


def _fits(match: Match, written: Sequence[str]) -> str:
    sub = "sub_account_id IS NULL AND sub_account_name IS NULL"
    account = ("sub_account_id", "sub_account_name")
    billing = tuple(f"CASE WHEN {sub} THEN billing_account_{name} END" for name in ("id", "name"))
    fields = (
        (match.provider, ("context.x_provider",)),
        (match.account, (*account, *billing)),
        (match.service, ("service_name",)),
        (match.region, ("region_id",)),
        (match.resource_id, ("resource_id",)),
        (match.sku, ("sku_id", "sku_meter", "charge_description")),
        (match.instance_type, ("x_instance_type",)),
    )
    tests = [_any(glob, expressions) for glob, expressions in fields if glob is not None]
    for key, glob in match.tags.items():
        tests.append(
            f"len(list_filter({_said(key, written)}, lambda tag: lower(tag.value) GLOB {literal(glob.lower())})) > 0"
        )
    return " AND ".join(tests) or "TRUE"


def _any(glob: str, expressions: Sequence[str]) -> str:
    tests = " OR ".join(f"lower({expression}) GLOB {literal(glob.lower())}" for expression in expressions)
    return f"({tests})"
