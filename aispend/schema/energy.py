"""What energy and carbon are worked out from: accelerator hours by place, card and model, and what was measured."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Numeric, Table

from aispend.schema.base import metadata, text

energy_day = Table(
    "energy_day",
    metadata,
    Column("billing_month", Date, nullable=False, comment="month whose bills it comes from"),
    Column("day", Date, nullable=False, comment="UTC day"),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("region", "region of the machines"),
    text("accelerator_type", "canonical accelerator; NULL is unknown"),
    text("model", "model; NULL is unattributed"),
    text("stage", "inference_online, training …", nullable=False),
    Column("is_idle", Boolean, nullable=False, comment="hours paid for that nothing used, put upon their user"),
    Column("accelerator_hours", Numeric, nullable=False, comment="paid accelerator hours"),
    Column("measured_hours", Numeric, nullable=False, comment="hours of them whose power was measured"),
    Column("measured_wh", Numeric, nullable=False, comment="energy of the measured hours, accelerators alone"),
    Column("known_hours", Numeric, nullable=False, comment="hours without power, but with activity measured"),
    Column("busy_hours", Numeric, nullable=False, comment="known hours × activity"),
    Index(None, "day"),
    Index(None, "billing_month"),
    comment="Accelerator hours by place and model, and what is known of their power; factors are applied when read.",
)
