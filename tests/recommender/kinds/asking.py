"""Asking a kind and expecting one of its two answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aispend.advising import Recommend
from recommender.contract import Advice, Answer, WhyNot

Evaluate = Callable[[Any, Recommend], Answer]


def advising(evaluate: Evaluate) -> Callable[..., Advice]:
    """Asks about a subject, with settings where they are given, and expects advice."""

    def advise(subject: Any, settings: Recommend | None = None) -> Advice:
        answer = evaluate(subject, settings or Recommend())
        assert isinstance(answer, Advice), answer
        return answer

    return advise


def refusing(evaluate: Evaluate) -> Callable[..., WhyNot]:
    """The same, and expects a reason that ends in a full stop."""

    def refuse(subject: Any, settings: Recommend | None = None) -> WhyNot:
        answer = evaluate(subject, settings or Recommend())
        assert isinstance(answer, WhyNot), answer
        assert answer.explanation.endswith(".")
        return answer

    return refuse
