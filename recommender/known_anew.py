"""Advice on a machine that turns out to be a service's goes on under the service's name, with all that was decided.

Assumes     A service that has one machine is what was advised on under that machine's id, or its group's name, while
            its model was unknown or several shared it, or services of one machine had no name (``Subject.formerly``).
Method      Ids are hashes of what a subject is known by (``lives.py``): each life of the same proposal has its new one
            wherever it is written. What the service has advice of already stays its own.
Drawbacks   Its id changes that once. Of a service of several machines nobody can say whose decision is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Text, bindparam, func, update

from aispend.schema import recommendation, recommendation_event, saving, saving_baseline
from recommender.contract import Advice
from recommender.lives import KNOWN_BY, identity, identity_of


def known_anew(connection: Connection, advice: Iterable[Advice], states: Mapping[str, str]) -> dict[str, str]:
    """Write the new ids; the states by id after that."""
    names: dict[str, tuple[str, str]] = {}
    for item in advice:
        of = item.subject
        if identity_of(item) in states:
            continue
        for name in of.formerly:
            lives = _lives((item.kind, of.provider, name, of.currency, item.target), states)
            names |= {old: (identity_of(item, life), of.identified_by) for life, old in enumerate(lives, 1)}
            if lives:
                break
    if names:
        written = [{"old": old, "new": new, "known_by": name} for old, (new, name) in names.items()]
        r, known_by = recommendation.c, func.jsonb_build_object(KNOWN_BY, bindparam("known_by", type_=Text))
        told = {r.id: bindparam("new"), r.evidence: r.evidence.op("||")(known_by)}
        connection.execute(update(recommendation).where(r.id == bindparam("old")).values(told), written)
        for table in (recommendation_event, saving_baseline, saving):
            column = table.c.recommendation_id
            statement = update(table).where(column == bindparam("old")).values({column: bindparam("new")})
            connection.execute(statement, written)
    return {names[key][0] if key in names else key: state for key, state in states.items()}


def _lives(what: tuple[str, str, str, str, str], states: Mapping[str, str]) -> list[str]:
    """The ids of all lives there are of a proposal."""
    found: list[str] = []
    while (one := identity(what, len(found) + 1)) in states:
        found.append(one)
    return found
