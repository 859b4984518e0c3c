"""Tags and labels of any shape as one canonical JSON object: keys sorted, first value of a repeated key wins."""

from __future__ import annotations

from aispend.engine.line import literal

ENTRY = "STRUCT(key VARCHAR, value VARCHAR)[]"


def json_of_entries(entries: str) -> str:
    """JSON object text from a LIST of {key, value}; NULL where it is empty. Built by hand because a MAP refuses
    repeated keys."""
    first = (
        f"list_filter({entries}, lambda tag, place: tag.key IS NOT NULL AND tag.key <> '' AND place = "
        f"list_position(list_transform({entries}, lambda other: other.key), tag.key))"
    )
    pairs = (
        f"list_transform(list_sort({first}), lambda tag: "
        "CAST(to_json(tag.key) AS VARCHAR) || ':' || coalesce(CAST(to_json(tag.value) AS VARCHAR), 'null'))"
    )
    return f"CASE WHEN len({first}) > 0 THEN '{{' || array_to_string({pairs}, ',') || '}}' END"


def entries_of_map(value: str) -> str:
    """LIST of {key, value} from a MAP."""
    return (
        f"list_transform(map_entries({value}), lambda tag: "
        "{'key': CAST(tag.key AS VARCHAR), 'value': CAST(tag.value AS VARCHAR)})"
    )


def entries_of_json(text: str, prefix: str = "") -> str:
    """LIST of {key, value} from JSON object text; braces that some exports leave out are put back.

    Text that is no JSON object is kept under the key ``x_unreadable_tags``: shown, not dropped.
    """
    braced = f"CASE WHEN ltrim({text}) LIKE '{{%' THEN {text} ELSE '{{' || {text} || '}}' END"
    key = f"{literal(prefix)} || name" if prefix else "name"
    # JSON pointer, not path: keys hold dots, quotes and blanks.
    pointer = "'/' || replace(replace(name, '~', '~0'), '/', '~1')"
    pair = f"{{'key': {key}, 'value': json_extract_string({braced}, {pointer})}}"
    listed = f"list_transform(json_keys({braced}), lambda name: {pair})"
    unreadable = f"[{{'key': 'x_unreadable_tags', 'value': {text}}}]"
    return (
        f"CASE WHEN {text} IS NULL OR trim({text}) IN ('', 'NULL', 'null', '{{}}', '[]') THEN CAST([] AS {ENTRY}) "
        f"WHEN json_valid({braced}) THEN {listed} ELSE {unreadable} END"
    )
