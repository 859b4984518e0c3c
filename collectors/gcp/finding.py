"""Which table of a dataset is the billing export: one for each billing account, by the names Google gives them.

*Preferred* is the detailed export, whose lines name the machine; then FOCUS, which names it too but is a preview; then
the standard one. Each holds the whole bill, so that only one of an account may be read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from collectors.gcp.clients import GcpClients

_AT_ONCE = 1000
_PREFERRED = {"resource_v1": "detailed", "focus": "FOCUS", "v1": "standard"}
"""What tables are called, the best first, and what is said of them."""

_NAME = re.compile(r"gcp_billing_export_(resource_v1|focus|v1)_([0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)")


@dataclass(frozen=True)
class Chosen:
    """The table of a billing account that is read, and those that are left, the best first."""

    account: str
    table: str
    left: tuple[str, ...]

    @property
    def said(self) -> str:
        """What a person is told; empty where there was nothing to choose from."""
        if not self.left:
            return ""
        dataset = self.table.rpartition(".")[0]
        left = " and ".join(f"{one} ({_form(one)})" for one in self.left)
        return (
            f"Of account {self.account} in the dataset {dataset} the {_form(self.table)} export {self.table} is read; "
            f"left is {left}. To read that one, name it as table."
        )


def tables_of(clients: GcpClients, dataset: str) -> list[str]:
    """The names of all tables and views of ``project.dataset``."""
    found = clients.bigquery().list_tables(dataset, page_size=_AT_ONCE, retry=None)
    return [f"{dataset}.{one.table_id}" for one in found]


def chosen(tables: Iterable[str], accounts: Collection[str] = ()) -> list[Chosen]:
    """The table to read of each billing account, of all or of ``accounts`` alone.

    >>> names = ["p.d.gcp_billing_export_v1_01AB_23CD", "p.d.gcp_billing_export_resource_v1_01AB_23CD", "p.d.else"]
    >>> [(one.account, one.table) for one in chosen(names)]
    [('01AB-23CD', 'p.d.gcp_billing_export_resource_v1_01AB_23CD')]
    """
    of: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        if known := _NAME.fullmatch(table.rpartition(".")[2]):
            of[known[2].upper().replace("_", "-")].append(table)
    best = list(_PREFERRED.values())
    found = []
    for account, names in sorted(of.items()):
        if accounts and account not in accounts:
            continue
        first, *left = sorted(names, key=lambda one: (best.index(_form(one)), one))
        found.append(Chosen(account, first, tuple(left)))
    return found


def account_of(table: str) -> str:
    """The billing account a table is of, by its name; empty where its name says none."""
    known = _NAME.fullmatch(table.rpartition(".")[2])
    return known[2].upper().replace("_", "-") if known else ""


def _form(table: str) -> str:
    known = _NAME.fullmatch(table.rpartition(".")[2])
    return _PREFERRED[known[1]] if known else ""
