"""Tags and labels of any shape as one canonical JSON object: keys sorted, first value of a repeated key wins."""

from __future__ import annotations

from aispend.engine.line import literal

ENTRY = "STRUCT(key VARCHAR, value VARCHAR)[]"


def json_of_entries(entries: str) -> str:
    """JSON object text from a LIST of {key, value}; NULL where it is empty. Built by hand because a MAP refuses
    repeated keys; long expressions are bound to a name instead of being repeated, which keeps planning short."""
    first = (
        "list_filter(found, lambda tag, place: tag.key IS NOT NULL AND tag.key <> '' AND place = "
        "list_position(list_transform(found, lambda other: other.key), tag.key))"
    )
    pair = "CAST(to_json(tag.key) AS VARCHAR) || ':' || coalesce(CAST(to_json(tag.value) AS VARCHAR), 'null')"
    object_text = f"'{{' || array_to_string(list_transform(kept, lambda tag: {pair}), ',') || '}}'"
    filled = f"list_transform([list_sort({first})], lambda kept: CASE WHEN len(kept) > 0 THEN {object_text} END)[1]"
    return f"list_transform([{entries}], lambda found: {filled})[1]"


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
    pair = f"{{'key': {key}, 'value': json_extract_string(json, {pointer})}}"
    readable = f"list_transform(json_keys(json), lambda name: {pair})"
    shown = f"[{{'key': 'x_unreadable_tags', 'value': {text}}}]"
    listed = f"list_transform([{braced}], lambda json: CASE WHEN json_valid(json) THEN {readable} ELSE {shown} END)[1]"
    nothing = f"{text} IS NULL OR trim({text}) IN ('', 'NULL', 'null', '{{}}', '[]')"
    return f"CASE WHEN {nothing} THEN CAST([] AS {ENTRY}) ELSE {listed} END"
