"""Answers that are none: what a proxy, a portal or a changed service sends in a cloud's place, with success's status.

*Method.* Each cloud's clients refuse what is not even of the form of an answer (a page of HTML, half of a JSON object)
as soon as it comes, since SDKs take some of it for an answer that names nothing, and nothing would be taken for *all
was deleted*. What has the form and not the content shows where it is read: a name that is missing, a text for a number.
Those errors of Python become one of aispend here, at the border, which says what was asked and where it was read.

*Drawback.* A defect of the reading code is told in the same words. The line it names tells the two apart.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aispend.errors import CollectError, InputError
from collectors.secrets import redacted

_MISREAD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
ASKS_AGAIN = "The next run asks again; what was collected before stays."
READS_AGAIN = "It is read again after some waiting; if it is not whole then, by the next run."
_AGAIN = (
    "A proxy may have answered instead: check the network's settings; the next run asks again. "
    "If it stays so, report it with these words."
)


def unreadable(cloud: str, where: str) -> CollectError:
    """The error of an answer that is none; ``where`` says what was asked, and of what form the answer is."""
    return CollectError(f"What came is no answer of {cloud}'s.", where=redacted(where), next_step=_AGAIN)


@contextmanager
def readable(cloud: str, where: str, asked: Callable[[], str]) -> Iterator[None]:
    """Errors of reading an answer become :func:`unreadable`; others that do not say ``where`` they are from do so.

    ``asked`` tells the operation that was sent last.
    """
    try:
        yield
    except (CollectError, InputError) as error:
        if where.partition(",")[0] in error.where:
            raise
        told = type(error)(error.what, where=f"{where}: {error.where}".rstrip(": "), next_step=error.next_step)
        raise told from None
    except _MISREAD as error:
        raise unreadable(cloud, f"{where}: {asked()}, {_place(error)}") from None


def _place(error: Exception) -> str:
    """What went wrong in reading, and on which line: ``KeyError: 'name' in listing.py, line 12``.

    The value that could not be read is left out but for the name of what is missing: it is a stranger's.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    named = f": {error}" if isinstance(error, KeyError) else ""
    return f"{type(error).__name__}{named} in {Path(frame.filename).name}, line {frame.lineno}"
