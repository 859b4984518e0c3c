"""Azure as the sample company's subscriptions see it: one server for the management endpoint, Monitor and price list.

It answers from the files that ``azure_holdings`` wrote and, where asked what was spent, from the exports delivered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sample import azure_double
from sample.arrow import pa
from sample.azure_double import Azure, Call
from sample.azure_graph import Graph
from sample.azure_holdings import ANSWERS, GRAPH, POINTS, PRICES
from sample.azure_monitor import Monitor
from sample.cost_management import CostManagement

LIST = "GET /api/retail/prices"
_REGION = re.compile(r"armRegionName eq '(?P<region>\w+)'")


def double_of(holdings: Path, costs: CostManagement) -> Azure:
    """A server that answers for the company; ``holdings`` is the folder that was written."""
    azure = Azure()
    for address, answer in _read(holdings / ANSWERS).items():
        azure.on(address, answer)
    graph = Graph(azure)
    for text, rows in _read(holdings / GRAPH).items():
        graph.has(text, *rows)
    prices: Sequence[Mapping[str, Any]] = _read(holdings / PRICES)
    azure.on(LIST, lambda call: _priced(prices, call))
    costs.join(azure)
    monitor = Monitor(azure)
    parsed = cache(json.loads)
    for row in pa.parquet.read_table(holdings / POINTS).to_pylist():
        monitor.has(row["resource"], row["metric"], row["timestamp"], row["value"], **parsed(row["dimensions"]))
    return azure


@contextmanager
def serving(holdings: Path, costs: CostManagement) -> Iterator[Azure]:
    """Serve on a free port of this machine; gives the server, whose ``url`` is the endpoint.

    Raises ``RuntimeError`` where it could not answer something: a defect of it.
    """
    azure = double_of(holdings, costs)
    with azure_double.serving(azure):
        yield azure
    if azure.defects:
        raise RuntimeError(azure.defects[0])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _priced(prices: Sequence[Mapping[str, Any]], call: Call) -> Any:
    wanted = _REGION.search(call.query.get("$filter", ""))
    region = wanted["region"] if wanted else None
    items = [item for item in prices if region is None or item["armRegionName"] == region]
    return {"Items": items, "NextPageLink": None, "Count": len(items)}
