"""The hand-made company: three bills in two currencies, an unknown column, tax, a credit, idle and untagged spend."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Connection

from aispend.store import Store
from tests.reports.ledger import Ledger, Share

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
I_A = "arn:aws:ec2:us-east-1:222:instance/i-a"


def company_alone(store: Store) -> None:
    """The company, for tests that begin with it."""
    with store.engine.begin() as connection:
        insert_company(connection)


def insert_company(connection: Connection) -> None:
    """Insert it.

    ======== =========== ======================== ======== ============================
    day      service     shares (effective)       currency what
    ======== =========== ======================== ======== ============================
    10-31    EC2         llama used 6, idle 4     USD      i-a, team search
    11-01    EC2         llama used 7.5, idle 5   USD      i-a, team search
    11-02    Bedrock     claude 0.10              USD      token API, no team
    11-02    S3          100                      USD      not AI
    11-02    EC2         llama -5                 USD      credit on i-a
    11-02    (tax)       9                        USD      tax
    11-02    Vertex AI   gemma 40.000000000001    EUR      list and contracted unknown
    ======== =========== ======================== ======== ============================
    """
    ledger = Ledger(connection)
    october = ledger.bill("aws", "111", OCTOBER, state="final", loaded_at=datetime(2026, 11, 5, 6, tzinfo=UTC))
    november = ledger.bill("aws", "111", NOVEMBER)
    google = ledger.bill(
        "gcp",
        "BA-1",
        NOVEMBER,
        known=("billed_cost", "effective_cost"),
        loaded_at=datetime(2026, 11, 20, 7, tzinfo=UTC),
    )
    instance = {
        "provider": "aws",
        "sub_account": "222",
        "service": "Amazon EC2",
        "region": "us-east-1",
        "resource_id": I_A,
        "tags": {"user:Team": "search"},
    }
    llama = {"model": "llama-3-70b", "team": "search", "stage": "inference_online", "rung": "instance-hour"}
    ledger.charge(
        october,
        date(2026, 10, 31),
        [
            Share(("6", "6", "12", "9"), **llama),
            Share(("4", "4", "8", "6"), **llama | {"reason": "idle"}),
        ],
        pricing_quantity="24",
        **instance,
    )
    ledger.charge(
        november,
        date(2026, 11, 1),
        [
            Share(("7.5", "7.5", "15", "12"), **llama),
            Share(("5", "5", "10", "8"), **llama | {"reason": "idle"}),
        ],
        pricing_quantity="24",
        **instance,
    )
    ledger.charge(
        november,
        date(2026, 11, 2),
        [Share(("0.1", "0.1", "0.1", "0.1"), model="claude", stage="inference_online", reason="direct")],
        provider="aws",
        sub_account="222",
        service="Amazon Bedrock",
        region="us-east-1",
        pricing_quantity="100",
    )
    ledger.charge(
        november,
        date(2026, 11, 2),
        [Share(("100", "100", "100", "100"), reason="not_ai", is_ai=False, method="none", confidence="0")],
        provider="aws",
        sub_account="333",
        service="Amazon S3",
        region="us-east-1",
        pricing_quantity="1",
    )
    ledger.charge(
        november,
        date(2026, 11, 2),
        [Share(("-5", "-5", "-5", "-5"), **llama | {"reason": "credit"})],
        category="Credit",
        **instance,
    )
    ledger.charge(
        november,
        date(2026, 11, 2),
        [Share(("9", "9", None, None), reason="tax", is_ai=False, method="none", confidence="0")],
        provider="aws",
        category="Tax",
    )
    ledger.charge(
        google,
        date(2026, 11, 2),
        [
            Share(
                ("40.000000000001", "40.000000000001", None, None),
                model="gemma",
                team="search",
                stage="training",
                reason="direct",
            )
        ],
        provider="gcp",
        billing_account="BA-1",
        sub_account="proj-1",
        service="Vertex AI",
        region="europe-west4",
        tags={"team": "search", "env": "prod"},
        currency="EUR",
        pricing_quantity="1",
    )
    ledger.roll_up()
