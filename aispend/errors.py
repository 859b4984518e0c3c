"""Every error aispend raises on purpose.

    AispendError                what, where, next step; the doors print it and exit 1
    ├── UsageError              the command was called wrongly; exit 2
    ├── SettingsError           aispend.toml or the environment is wrong
    ├── InputError              a file cannot be used: file, line, column, value, what to do
    │   └── UnknownDialectError no bill dialect fits the header
    ├── OverlapError            two bills claim the same provider, scope and month
    ├── StoreError              the database is unreachable, locked or of another version
    ├── BusyError               another aispend command holds the lock; try again later
    └── CollectError            a cloud could not be read
        ├── AccessError         a permission or credential is missing
        ├── NotReadyError       the provider is in the middle of delivering it; try again later
        ├── BudgetError         the day's requests that cost money are used up
        └── EmptyAnswerError    nothing came where there was something before

An error's type says what the caller does; its text says what the reader does.
No message ever contains a secret.
"""

from __future__ import annotations


class AispendError(Exception):
    """Base of all errors a user may see.

    ``what`` happened, ``where`` (file, line, column, value; table; setting) and ``next_step``.
    """

    exit_status = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.next_step:
            lines.append(f"  next:  {self.next_step}")
        return "\n".join(lines)


class UsageError(AispendError):
    """Wrong command line."""

    exit_status = 2


class SettingsError(AispendError):
    """A setting is missing, unknown or out of range."""


class InputError(AispendError):
    """A file given by the user cannot be used as it is."""


class UnknownDialectError(InputError):
    """The header fits no dialect aispend reads."""


class OverlapError(AispendError):
    """A second bill for a (provider, scope, month) that is already loaded from another dataset."""


class StoreError(AispendError):
    """The database cannot be used."""


class BusyError(StoreError):
    """Another aispend process is doing the same work right now."""


class CollectError(AispendError):
    """A cloud could not be read."""


class AccessError(CollectError):
    """A permission or a credential is missing or expired; the rest of the source would fail alike."""


class NotReadyError(CollectError):
    """The provider is in the middle of delivering it: what is there now belongs to two deliveries."""


class BudgetError(CollectError):
    """The requests allowed for the day, which cost money, are used up."""


class EmptyAnswerError(CollectError):
    """Nothing came where there was something before: an error unless a person confirms it."""
