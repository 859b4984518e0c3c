"""What forecasts are cut by, and what the last look ahead kept, in words."""

# ruff: noqa: N999, E501 - steps are named by date; comments are one line as in the schema

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_words_of_the_outlook"
down_revision = "2026_11_21_words_of_spot_risk"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.alter_column(
        "forecast",
        "cut",
        existing_type=sa.TEXT(),
        comment="all (spend), ai (AI spend), provider, account, service or region (all spend), model or team (AI spend)",
        existing_comment="all (spend), ai (AI spend), provider (all spend), model or team (AI spend)",
        existing_nullable=False,
    )
    op.alter_column(
        "forecast",
        "value",
        existing_type=sa.TEXT(),
        comment="which provider, account, service, region, model or team; NULL is the whole, the rest, or AI spend nobody is known for",
        existing_comment="which provider, model or team; NULL is the whole, the rest, or AI spend nobody is known for",
        existing_nullable=True,
    )
    op.alter_column(
        "worked_out",
        "part",
        existing_type=sa.TEXT(),
        comment="days of a month, past forecast, known before a month, days out of the ordinary, or drivers of a change",
        existing_comment="past forecast, days out of the ordinary, or drivers of a change",
        existing_nullable=False,
    )
