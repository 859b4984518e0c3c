"""An invoice is what one issuer says under one number; and anomalies are of new spend of every cut, and of all of it."""

# ruff: noqa: N999, E501 - steps are named by date; comments are one line as in the schema

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_vendors_of_invoices"
down_revision = "2026_11_22_value_of_outcomes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Alembic does not see it: two issuers may have a number in common. What is stored stays as it is.
    op.drop_constraint("pk_invoice", "invoice", type_="primary")
    op.create_primary_key("pk_invoice", "invoice", ["provider", "invoice_id", "currency", "issuer"])
    # What is new was told of two cuts alone: the next analysis looks again.
    op.execute("DELETE FROM made_from WHERE part = 'outlook'")
    op.alter_column(
        "anomaly",
        "kind",
        existing_type=sa.TEXT(),
        comment="rise, drop, drift, new (first spend) or rate (price per unit)",
        existing_comment="rise, drop, drift, new (first spend on a model or accelerator) or rate (price per unit)",
        existing_nullable=False,
    )
    op.alter_column(
        "anomaly",
        "cut",
        existing_type=sa.TEXT(),
        comment="what was watched: service, model, team, accelerator, sku, account, ai or all (spend)",
        existing_comment="what was watched: service, model, team, accelerator or sku",
        existing_nullable=False,
    )
    op.alter_column(
        "anomaly",
        "value",
        existing_type=sa.TEXT(),
        comment="which one; NULL is all of it, or spend whose model or team is not known",
        existing_comment="which one; NULL is spend whose model or team is not known",
        existing_nullable=True,
    )
    op.alter_column(
        "invoice",
        "issuer",
        existing_type=sa.TEXT(),
        comment="who issued it; the provider where nobody said",
        existing_comment="who issued it",
        existing_nullable=False,
    )
