"""Resource Graph in the double: rows by what a query asks for, in pages, and only what the asker may read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sample.azure_double import Azure, Call

QUERY = "POST /providers/Microsoft.ResourceGraph/resources"
PERMISSIONS = "GET /subscriptions/*/providers/Microsoft.Authorization/permissions"


class Graph:
    """Answers questions to Resource Graph; ``rows`` are by a text the question contains, the longest that fits."""

    def __init__(self, azure: Azure, *, page: int = 1000) -> None:
        self.rows: dict[str, list[Mapping[str, Any]]] = {}
        self.page = page
        self._azure = azure
        azure.on(QUERY, self._answer)
        self.grant("*/read")

    def has(self, text: str, *rows: Mapping[str, Any]) -> None:
        """What a question that contains ``text`` is answered with."""
        self.rows[text.lower()] = list(rows)

    def grant(self, *actions: str, without: Iterable[str] = ()) -> None:
        """What the credential may do in every subscription."""
        self._azure.on(PERMISSIONS, {"value": [{"actions": list(actions), "notActions": list(without)}]})

    def _answer(self, call: Call) -> Any:
        asked = call.body["query"].lower()
        texts = [text for text in self.rows if text in asked]
        found = self.rows[max(texts, key=len)] if texts else []
        wanted = call.body.get("subscriptions")
        if wanted is not None:
            found = [row for row in found if str(row["id"]).split("/")[2].lower() in wanted]
        start = int(call.body["options"].get("$skipToken", 0))
        page = found[start : start + self.page]
        more = start + self.page < len(found)
        token = {"$skipToken": str(start + self.page)} if more else {}
        truncated = "true" if more else "false"
        return {"totalRecords": len(found), "count": len(page), "data": page, "resultTruncated": truncated, **token}
