"""Terraform's language as text: a block of what changes, laid out as ``terraform fmt`` does.

Names and values come from bills and tags: a string is quoted so that it can neither end nor be taken for an expression,
and a label has only letters, digits, ``_`` and ``-``. Words in capitals are for a person to fill in, as in commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_INDENT = "  "


@dataclass(frozen=True)
class Expression:
    """Text that stands as it is, such as ``NOW - 1``; never anything from a bill."""

    text: str


@dataclass(frozen=True)
class Attributes:
    """A value ``{ … }`` with names of its own, as ``metadata`` has; a nested mapping is a block instead."""

    values: Mapping[str, str]


Value = str | int | bool | Expression | Attributes | Sequence[str]
Body = Mapping[str, "Value | Body | Sequence[Body]"]


def resource(kind: str, name: str, body: Body, *, note: str = "") -> str:
    """A resource block with these attributes and nested blocks; ``note`` is a comment before it."""
    head = f"# {' '.join(note.split())}\n" if note else ""
    return head + "\n".join([f'resource "{kind}" "{label(name)}" {{', *_lines(body, _INDENT), "}"])


def label(name: str) -> str:
    """A name as Terraform takes it: ``vm/a b`` is ``vm_a_b``, and what begins with a digit gets a ``_`` before it."""
    plain = re.sub(r"[^0-9A-Za-z_-]", "_", name) or "it"
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"


def quoted(text: str) -> str:
    """A string literal: JSON's escapes, and nothing in it is a template."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _lines(body: Body, indent: str) -> Iterator[str]:
    """Attributes with their signs below each other, then the blocks, each after an empty line."""
    plain = {name: value for name, value in body.items() if not _is_block(value)}
    width = max(map(len, plain), default=0)
    for name, value in plain.items():
        yield f"{indent}{name:<{width}} = {_text(value, indent)}"
    between = bool(plain)
    for name, value in body.items():
        if name in plain:
            continue
        for one in [value] if isinstance(value, Mapping) else value:  # type: ignore[union-attr]
            if between:
                yield ""
            between = True
            yield f"{indent}{name} {{"
            yield from _lines(one, indent + _INDENT)  # type: ignore[arg-type]
            yield f"{indent}}}"


def _is_block(value: object) -> bool:
    several = isinstance(value, list | tuple)
    return isinstance(value, Mapping) or (several and bool(value) and isinstance(value[0], Mapping))  # type: ignore[index]


def _text(value: object, indent: str) -> str:
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Attributes):
        inner = indent + _INDENT
        rows = [f"{inner}{quoted(name)} = {quoted(text)}" for name, text in value.values.items()]
        return "\n".join(["{", *rows, f"{indent}}}"])
    assert isinstance(value, Sequence)  # noqa: S101 - nothing else is a value
    return f"[{', '.join(quoted(str(one)) for one in value)}]"
