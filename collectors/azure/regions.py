"""The regions of which prices and spot markets are asked for: those of the settings, else those in use."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph

# one row a region, so that few rows come; a page is cut by id, whichever that is
IN_USE = """| where type in~ ('microsoft.compute/virtualmachines', 'microsoft.compute/virtualmachinescalesets',
   'microsoft.machinelearningservices/workspaces', 'microsoft.cognitiveservices/accounts')
 | summarize id = min(id) by location | order by id asc"""


def regions(clients: AzureClients, graph: Graph) -> Sequence[str]:
    """Region ids, sorted; what belongs to no region (``global``) is left out."""
    given = clients.connection.regions
    if given:
        return sorted(set(given))
    rows = graph.rows("resources", IN_USE, [one.id for one in clients.subscriptions])
    return sorted({str(row["location"]).lower() for row in rows} - {"global", ""})
