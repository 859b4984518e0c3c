"""Which tax is a cost: the section ``[[allocation.non_recoverable_tax]]`` of ``aispend.toml``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class NonRecoverableTax(BaseModel):
    """Tax the company cannot claim back, so that it is part of what the taxed things cost.

    Every given field must fit; text fields are shell globs, case-insensitive. No bill names the country that taxes:
    issuer and billing account tell it. The first entry that fits a tax line on its day decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    provider: str | None = None
    billing_account: str | None = Field(None, description="id or name of who pays")
    account: str | None = Field(None, description="sub-account id or name")
    issuer: str | None = Field(None, description="who issues the invoice, as the bill writes it")
    kind: str | None = Field(None, description="what the bill calls the tax: its description, meter, SKU or usage type")
    percent: Decimal = Field(Decimal(100), gt=0, le=100, description="part that cannot be claimed back; the rest can")
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="exclusive")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> NonRecoverableTax:
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError(f"non-recoverable tax {self.name!r} ends after it starts")
        return self
