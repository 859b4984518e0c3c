"""Which recommendations: asked in the same words by the list, the group and the export."""

from __future__ import annotations

import inspect
from decimal import Decimal

import pytest
import typer

from aispend.cli import advice, exports
from aispend.cli.advice_options import Narrowing, narrowed
from aispend.errors import UsageError
from reports.views import LIVE_STATES

NAMES = ("state", "kind", "provider", "account", "team", "model", "currency", "min_saving", "risk", "counted")


def test_every_command_that_narrows_has_the_same_options_in_the_same_order() -> None:
    for command in (advice.recommendations, advice.list_all, exports.export):
        parameters = list(inspect.signature(command).parameters)
        start = parameters.index("state")
        assert tuple(parameters[start : start + len(NAMES)]) == NAMES
        assert "narrowing" not in parameters


def test_a_command_is_given_what_was_asked_as_one() -> None:
    told: list[tuple[Narrowing, int]] = []

    @narrowed
    def command(narrowing: Narrowing, limit: int = 3) -> None:
        told.append((narrowing, limit))

    app = typer.Typer()
    app.command()(command)
    app(["--team", "search", "--counted", "--limit", "5"], standalone_mode=False)
    assert told == [(Narrowing(team="search", counted=True), 5)]


def test_what_was_given_is_named_as_typed_and_becomes_a_filter() -> None:
    assert Narrowing().given() == ()
    asked = Narrowing(provider="AWS,gcp", account="unknown", min_saving="250", risk="Very-Low", counted=True)
    assert asked.given() == ("--provider", "--account", "--min-saving", "--risk", "--counted")
    found = asked.chosen(None)
    assert (found.states, found.providers, found.accounts) == (LIVE_STATES, ("aws", "gcp"), (None,))
    assert (found.min_saving, found.max_risk, found.counted_only) == (Decimal(250), 1, True)


@pytest.mark.parametrize(
    ("asked", "said", "where"),
    [
        (Narrowing(state="open,foo"), "There is no state 'foo'.", "--state open,foo"),
        (Narrowing(kind="colour"), "There is no kind 'colour'.", "--kind colour"),
        (Narrowing(risk="Foo"), "There is no risk 'foo'.", "--risk Foo"),
        (Narrowing(min_saving="much"), "This is not an amount.", "--min-saving much"),
    ],
)
def test_what_is_unknown_is_refused_where_it_was_typed(asked: Narrowing, said: str, where: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked.chosen(None)
    assert (refused.value.what, refused.value.where) == (said, where)
    assert refused.value.next_step
