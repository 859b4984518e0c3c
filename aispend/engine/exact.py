"""Exact money in DuckDB SQL: every cost becomes a whole number of 1e-12 currency units, rounded once, half-even.

Assumes
    A cost is what its text says; a binary double says its shortest decimal text (what Python's ``repr``
    and DuckDB's cast to VARCHAR give). Promise: rounded once per raw line, half-even, to twelve decimals.

Method
    *Units* are HUGEINT counts of 1e-12, so sums are exact and fast.
    A double ``d`` takes a fast path: ``s = d * 1e12`` differs from the shortest text's value by at most
    ``|s| * 2**-52`` (half an ulp for the shortest text, half an ulp for the multiplication), so where ``s`` lies
    farther than that from the nearest tie, the nearest whole number *is* the half-even rounding.
    Anything nearer, larger than about 2,000 currency units, infinite or not a number is read through its text.
    A text takes the same path through its nearest double, which is at most half an ulp away from it.
    Else a text of at most 25 bytes without exponent has at most 24 decimals, fits DECIMAL(38,24) exactly and is rounded
    by ``round_even``; any other text is taken apart into digits and exponent and rounded with all its digits.
    DuckDB's own cast from text to a short DECIMAL (half-up, or truncating) is never relied on.

    *Numbers* (for sums and differences of columns before the one rounding) are DECIMAL(37,24):
    exact up to 24 decimals, and below 1e13 in size, so that ten of them add up without overflow.
    Digits beyond the 24th are rounded to odd, which leaves any later rounding of that number exact;
    in a sum of n such numbers the tie itself is known to n * 1e-24 only.

Cases
    NULL, empty text and the literal text NULL are missing: NULL. Anything else that is no plain or
    exponent number, NaN, infinity, and sizes from 1e26 (units) or 1e13 (numbers) are unreadable: also NULL,
    and :func:`unreadable_sql` tells the two apart. Thousands separators and decimal commas are unreadable:
    a dialect makes plain text of them first.
"""

from __future__ import annotations

import re

UNITS_PER_ONE = 10**12
NUMBER_TYPE = "DECIMAL(37,24)"
_NUMBER_DECIMALS = 24
_WIDE = f"DECIMAL(38,{_NUMBER_DECIMALS})"
_EXACT_TEXT_BYTES = _NUMBER_DECIMALS + 1  # a sign or digit, the point, and the decimals
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_PARTS = r"^([+-]?)([0-9]*)[.]?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?$"


def units_sql(expr: str, duck_type: str) -> str:
    """SQL: HUGEINT count of 1e-12 in the raw value ``expr`` of ``duck_type``; NULL if missing or unreadable."""
    kind = _kind(duck_type)
    if kind in _INTEGERS:
        return f"(CAST(({expr}) AS HUGEINT) * {UNITS_PER_ONE})"
    if kind == "DOUBLE":
        quick = units_of_number_sql(f"TRY_CAST(CAST(({expr}) AS VARCHAR) AS {_WIDE})")
        return (
            f"(CASE WHEN {_far_from_a_tie(f'({expr})')} THEN {_nearest(f'({expr})')} "
            f"WHEN {_written_plainly(expr)} THEN {quick} "
            f"WHEN ({expr}) IS NOT NULL THEN {_digits(f'CAST(({expr}) AS VARCHAR)', 12, 'half_even')} END)"
        )
    if kind == "DECIMAL":
        return (
            f"(CASE WHEN ({expr}) > -10000000000000 AND ({expr}) < 10000000000000 AND {_fits(expr, duck_type)} "
            f"THEN {units_of_number_sql(f'TRY_CAST(({expr}) AS {NUMBER_TYPE})')} "
            f"ELSE {_units_of_text(f'CAST(({expr}) AS VARCHAR)')} END)"
        )
    return _units_of_text(_text(expr, kind))


def number_sql(expr: str, duck_type: str) -> str:
    """SQL: the raw value ``expr`` as ``NUMBER_TYPE`` for arithmetic between columns; NULL if missing or unreadable."""
    kind = _kind(duck_type)
    if kind in _INTEGERS:
        return f"TRY_CAST(({expr}) AS {NUMBER_TYPE})"
    if kind == "DOUBLE":
        whole = f"TRY_CAST({_nearest(f'({expr})', 'BIGINT')} AS DECIMAL(18,0))"
        return (
            f"(CASE WHEN {_at_most_12_decimals(f'({expr})')} THEN CAST({whole} * 0.000000000001 AS {NUMBER_TYPE}) "
            f"WHEN {_written_plainly(expr)} THEN TRY_CAST(CAST(({expr}) AS VARCHAR) AS {NUMBER_TYPE}) "
            f"WHEN ({expr}) IS NOT NULL THEN {_number_of_digits(f'CAST(({expr}) AS VARCHAR)')} END)"
        )
    if kind == "DECIMAL":
        return (
            f"(CASE WHEN {_fits(expr, duck_type)} THEN TRY_CAST(({expr}) AS {NUMBER_TYPE}) "
            f"ELSE {_number_of_text(f'CAST(({expr}) AS VARCHAR)')} END)"
        )
    return _number_of_text(_text(expr, kind))


def remainder_sql(expr: str, duck_type: str) -> str:
    """SQL: what rounding the raw value to units leaves over, as DECIMAL(38,24); NULL where that is nothing.

    ``units * 1e-12 + remainder`` is the value at full precision (rounded to odd beyond the 24th decimal).
    """
    kind = _kind(duck_type)
    if kind in _INTEGERS:
        return f"CAST(NULL AS {_WIDE})"
    number = number_sql(expr, duck_type)
    left = f"{number} - {amount_sql(units_sql(expr, duck_type))}"
    if kind == "DOUBLE":
        exact = f"({expr}) IS NULL OR {_at_most_12_decimals(f'({expr})')}"
    elif kind == "DECIMAL":
        return f"nullif({remainder_of_number_sql(number)}, 0)"
    else:
        text = _text(expr, kind)
        exact = f"strlen({text}) <= 13 AND NOT contains({text}, 'e') AND NOT contains({text}, 'E')"
    return f"(CASE WHEN {exact} THEN NULL ELSE {left} END)"


def remainder_of_number_sql(number: str) -> str:
    """SQL: what rounding a number to units leaves over, as DECIMAL(38,24)."""
    wide = f"CAST(({number}) AS {_WIDE})"
    return f"({wide} - round_even({wide}, 12))"


def units_of_number_sql(number: str) -> str:
    """SQL: HUGEINT count of 1e-12 in a number of at most 24 decimals, rounded half-even."""
    return f"CAST(round_even(CAST(({number}) AS {_WIDE}), 12) * {UNITS_PER_ONE} AS HUGEINT)"


def unreadable_sql(expr: str, duck_type: str) -> str:
    """SQL boolean for a ``Check``: the raw value is there, but :func:`units_sql` cannot read it.

    Told from the nearest double alone, which costs little: a size of 1e26 or more, no number, or an underscore.
    """
    kind = _kind(duck_type)
    if kind in _INTEGERS:
        return "FALSE"
    if kind == "DECIMAL":
        return f"(({expr}) IS NOT NULL AND NOT abs(CAST(({expr}) AS DOUBLE)) < 1e26)"
    if kind == "DOUBLE":
        # Parquet statistics leave NaN out, and DuckDB folds comparisons and isnan() by them; it does not fold this
        # product, which is 0 for every number and NaN for NaN and infinity.
        return f"(({expr}) IS NOT NULL AND NOT (abs({expr}) < 1e26 AND ({expr}) * 0 = 0))"
    text = _text(expr, kind)
    return (
        f"((abs(TRY_CAST({text} AS DOUBLE)) < 1e26 AND NOT contains({text}, '_')) IS NOT TRUE "
        f"AND trim(coalesce({text}, ''), ' \t\r\n') NOT IN ('', 'NULL', 'null'))"
    )


def amount_sql(units: str) -> str:
    """SQL: units back to DECIMAL(38,12)."""
    return f"(CAST(({units}) AS DECIMAL(38,0)) * 0.000000000001)"


def _kind(duck_type: str) -> str:
    return duck_type.upper().split("(")[0].strip()


def _text(expr: str, kind: str) -> str:
    text = f"({expr})" if kind == "VARCHAR" else f"CAST(({expr}) AS VARCHAR)"
    if kind == "JSON":
        text = f"trim({text}, '\"')"
    return text


def _fits(expr: str, duck_type: str) -> str:
    """Whether a DECIMAL has at most 24 decimals: known from its type, except for a bare DECIMAL."""
    match = re.search(r"\(\s*\d+\s*,\s*(\d+)\s*\)", duck_type)
    scale = int(match[1]) if match else 3
    return f"({expr}) IS NOT NULL" if scale <= _NUMBER_DECIMALS else "FALSE"


def _nearest(double: str, kind: str = "HUGEINT") -> str:
    """The whole number of units nearest to a double that is no tie.

    Casts are TRY_CAST throughout: where statistics hide a NaN, DuckDB folds a CASE that would keep it away.
    """
    counted = f"TRY_CAST({double} * 1e12 AS BIGINT)"
    return counted if kind == "BIGINT" else f"CAST({counted} AS {kind})"


def _far_from_a_tie(double: str) -> str:
    """Whether the units of a double (or of the text it was read from) are its nearest whole number beyond doubt."""
    scaled = f"({double} * 1e12)"
    return f"abs({scaled} - round({scaled})) < 5e-1 - abs({scaled}) * 2.3e-16"


def _at_most_12_decimals(double: str) -> str:
    """A decimal of at most 15 digits that reads back as the same double is that double's shortest text."""
    rounded = f"round({double} * 1e12)"
    return f"abs({rounded}) < 1e15 AND {rounded} / 1e12 = {double}"


def _written_plainly(expr: str) -> str:
    """Sizes of doubles whose shortest text has neither an exponent nor more than 24 decimals."""
    return f"abs({expr}) >= 1e-3 AND abs({expr}) < 9e12"


def _plain(text: str) -> str:
    exact = f"strlen({text}) <= {_EXACT_TEXT_BYTES}"
    return f"{exact} AND NOT contains({text}, 'e') AND NOT contains({text}, 'E') AND NOT contains({text}, '_')"


def _units_of_text(text: str) -> str:
    near, quick = f"TRY_CAST({text} AS DOUBLE)", f"TRY_CAST({text} AS {_WIDE})"
    return (
        f"(CASE WHEN {_far_from_a_tie(near)} AND NOT contains({text}, '_') THEN {_nearest(near)} "
        f"WHEN {text} IS NULL OR {text} = '' THEN NULL WHEN {_plain(text)} AND {quick} IS NOT NULL "
        f"THEN {units_of_number_sql(quick)} ELSE {_digits(text, 12, 'half_even')} END)"
    )


def _number_of_text(text: str) -> str:
    quick = f"TRY_CAST({text} AS {NUMBER_TYPE})"
    return (
        f"(CASE WHEN {text} IS NULL OR {text} = '' THEN NULL WHEN {_plain(text)} AND {quick} IS NOT NULL "
        f"THEN {quick} ELSE {_number_of_digits(text)} END)"
    )


def _number_of_digits(text: str) -> str:
    counted = f"TRY_CAST({_digits(text, _NUMBER_DECIMALS, 'odd')} AS DECIMAL(37,0))"
    return f"CAST({counted} * 0.000000000000000000000001 AS {NUMBER_TYPE})"


def _digits(text: str, decimals: int, rounding: str) -> str:
    """SQL: HUGEINT count of 10**-decimals in any number text, from its digits; NULL if it is none or too large."""
    odd = "CAST(right(kept.digits, 1) IN ('1', '3', '5', '7', '9') AS BOOLEAN)"
    half_even = f"kept.rest > '5' OR (kept.rest = '5' AND {odd})"
    to_odd = f"kept.rest <> '' AND NOT {odd}"
    up = half_even if rounding == "half_even" else to_odd
    parts = f"regexp_extract(trim({text}, ' \t\r\n'), '{_PARTS}', ['sign', 'whole', 'part', 'exponent'])"
    number = (
        "{'minus': part.sign = '-', 'present': part.whole || part.part <> '', "
        "'digits': ltrim(part.whole || part.part, '0'), "
        f"'shift': {decimals} - length(part.part) + CAST(coalesce(nullif(part.exponent, ''), '0') AS INTEGER)}}"
    )
    # ``rest`` without trailing zeros compares with '5' as text exactly as the dropped fraction does with one half.
    kept = (
        "{'digits': left(number.digits, length(number.digits) + number.shift), "
        "'rest': rtrim(substr(number.digits, length(number.digits) + number.shift + 1), '0')}"
    )
    rounded = (
        f"list_transform([{kept}], lambda kept: "
        f"coalesce(TRY_CAST(nullif(kept.digits, '') AS HUGEINT), 0) + CASE WHEN {up} THEN 1 ELSE 0 END)[1]"
    )
    counted = (
        "CASE WHEN NOT number.present THEN NULL WHEN number.digits = '' THEN 0 "
        "WHEN length(number.digits) + number.shift > 38 THEN NULL "
        "WHEN number.shift >= 0 THEN TRY_CAST(number.digits || repeat('0', number.shift) AS HUGEINT) "
        f"WHEN length(number.digits) + number.shift < 0 THEN {1 if rounding == 'odd' else 0} "
        f"ELSE {rounded} END"
    )
    signed = f"list_transform([{number}], lambda number: CASE WHEN number.minus THEN -1 ELSE 1 END * {counted})[1]"
    return f"list_transform([{parts}], lambda part: {signed})[1]"
