"""What a month that was found unchanged rests on stands in made_from."""

# ruff: noqa: N999, E501 - steps are named by date; comments are one line as in the schema

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_without_asking_again"
down_revision = "2026_11_21_with_training_curves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column(
        "made_from",
        "part",
        existing_type=sa.TEXT(),
        comment="names (which resource telemetry's names mean), outlook (forecasts, anomalies), allocation and the month (how its machines were divided) or unchanged and the month (what it rested on when it was last found the same)",
        existing_comment="names (which resource telemetry's names mean), outlook (forecasts, anomalies) or allocation and the month (how its machines were divided)",
        existing_nullable=False,
    )
    op.alter_column(
        "made_from",
        "notes",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment="what was to be said of it, sentences for a person; of unchanged the days whose telemetry it rests on",
        existing_comment="what was to be said of it, sentences for a person",
        existing_nullable=False,
    )
