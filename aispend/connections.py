"""Where a company's clouds are: the sections of ``aispend.toml`` that collectors read. Never a credential.

Credentials come from each SDK's own chain (environment, profile, role of the machine); what stands here only says which
accounts to read and where their bills are delivered.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AwsCollection = Literal[
    "bills", "cost-explorer", "utilization", "usage", "inventory", "invoices", "commitments", "prices", "spot", "advice"
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AwsExport(_Section):
    """A bill AWS delivers into S3: a Data Export (FOCUS or CUR 2.0) or a legacy Cost and Usage Report."""

    bucket: str
    prefix: str = Field("", description="as set for the export, without slashes at its ends")
    name: str = Field(description="the export's or report's name")
    kind: Literal["data-export", "legacy-cur"] = "data-export"
    region: str | None = Field(None, description="the bucket's; default: asked from S3")


class AwsRole(_Section):
    """A role to take on instead of the credentials' own."""

    arn: str
    external_id: str | None = None


class AwsConnection(_Section):
    """One AWS organisation, or one account, that is read."""

    name: str = Field("aws", pattern="^[a-z0-9][a-z0-9-]*$", description="prefix of its sources' names")
    profile: str | None = Field(None, description="profile of the AWS configuration files; default: the SDK's chain")
    role: AwsRole | None = Field(None, description="role in the account that receives the bill")
    member_role: str | None = Field(
        None, description="name of the role to take on in each account of the organisation; default: this account only"
    )
    accounts: tuple[str, ...] = Field((), description="account ids to read; default: all active of the organisation")
    regions: tuple[str, ...] = Field((), description="default: those enabled for the account")
    home_region: str = Field("us-east-1", description="where the partition's global services answer")
    exports: tuple[AwsExport, ...] = Field((), alias="export", description="default: those the account has")
    collect: tuple[AwsCollection, ...] = Field((), description="default: everything")
    cost_explorer_requests_per_day: int = Field(
        40, ge=0, description="Cost Explorer charges 0.01 USD for each request; 0 turns it off"
    )
    spot_history_days: int = Field(
        30, ge=1, le=89, description="how far back spot prices are read at first: a request per day and region"
    )
    spot_advisor: str | None = Field(
        None, description="a copy of AWS's spot-advisor-data.json, dated by its file; without it no interruption bands"
    )
    endpoint_url: str | None = Field(None, description="another server that speaks AWS's protocols, for trying out")
