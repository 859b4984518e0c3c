"""A reason for want of advice has its subject's model and team: a slash in either hid which is which in its id."""

# ruff: noqa: N999 - steps are named by date; comments are one line as in the schema

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_whose_reasons"
down_revision = "2026_11_22_vendors_of_invoices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("why_not", sa.Column("model", sa.Text(), nullable=True, comment="model it serves"))
    op.add_column("why_not", sa.Column("team", sa.Text(), nullable=True, comment="owner"))
