"""Where a company's clouds are: the sections of ``aispend.toml`` that collectors read. Never a credential.

Credentials come from each SDK's own chain (environment, profile, role of the machine); what stands here only says which
accounts to read and where their bills are delivered.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NAME = "^[a-z0-9][a-z0-9-]*$"

AwsCollection = Literal[
    "bills",
    "cost-explorer",
    "utilization",
    "usage",
    "inventory",
    "invoices",
    "commitments",
    "prices",
    "spot",
    "offerings",
    "advice",
]


AzureCollection = Literal[
    "bills",
    "cost-query",
    "invoices",
    "utilization",
    "usage",
    "inventory",
    "commitments",
    "prices",
    "spot",
    "offerings",
    "advice",
]
GcpCollection = Literal[
    "bills", "utilization", "usage", "inventory", "commitments", "prices", "spot", "offerings", "advice"
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

    name: str = Field("aws", pattern=_NAME, description="prefix of its sources' names")
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


class AzureExport(_Section):
    """A bill Azure delivers into Blob storage: a Cost Management export (FOCUS, actual or amortised cost)."""

    account_url: str = Field(
        pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/])",
        description="the storage account's Blob endpoint: https://NAME.blob.core.windows.net",
    )
    container: str
    root: str = Field("", description="root folder as set for the export, without slashes at its ends")
    name: str = Field(description="the export's name")


class AzureConnection(_Section):
    """One Azure tenant, or some of its subscriptions, that is read."""

    name: str = Field("azure", pattern=_NAME, description="prefix of its sources' names")
    tenant: str | None = Field(None, description="tenant to sign in to; default: the credential's own")
    subscriptions: tuple[str, ...] = Field((), description="ids to read; default: all the credential may see")
    billing_scopes: tuple[str, ...] = Field(
        (),
        description="where exports are looked for and costs asked: providers/Microsoft.Billing/billingAccounts/…; "
        "default: the subscriptions",
    )
    exports: tuple[AzureExport, ...] = Field((), alias="export", description="default: those the billing scopes have")
    regions: tuple[str, ...] = Field((), description="of prices; default: those resources are in")
    collect: tuple[AzureCollection, ...] = Field((), description="default: everything")
    cloud: Literal["public", "government", "china"] = "public"
    cost_queries_per_day: int = Field(
        200, ge=0, description="Cost Management allows few queries a minute, shared with everybody; 0 turns it off"
    )
    endpoint_url: str | None = Field(None, description="another server that speaks Azure's protocols, for trying out")


class GcpExport(_Section):
    """A billing export in BigQuery: standard, detailed (resource level) or FOCUS, told by the table's columns."""

    table: str | None = Field(
        None,
        pattern=r"^([^.:`\s]+\.[^.:`\s]+:)?[^.:`\s]+\.[^.`\s]+\.[^.`\s]+$",
        description="project.dataset.table; or dataset",
    )
    dataset: str | None = Field(
        None,
        pattern=r"^([^.:`\s]+\.[^.:`\s]+:)?[^.:`\s]+\.[^.`\s]+$",
        description="project.dataset, in which the best table of each billing account is found",
    )
    location: str | None = Field(None, description="the dataset's; default: asked from BigQuery")

    @model_validator(mode="after")
    def _either(self) -> GcpExport:
        if (self.table is None) == (self.dataset is None):
            raise ValueError("name a table, or the dataset to find it in: one of them")
        return self

    @property
    def place(self) -> tuple[str, str]:
        """Project and dataset."""
        whole = self.dataset or str(self.table).rpartition(".")[0]
        project, _, dataset = whole.rpartition(".")
        return project, dataset


class GcpConnection(_Section):
    """One Google Cloud billing account, or some projects of it, that is read."""

    name: str = Field("gcp", pattern=_NAME, description="prefix of its sources' names")
    project: str | None = Field(
        None, description="project that queries and requests are counted for; default: the credential's own"
    )
    billing_accounts: tuple[str, ...] = Field((), description="ids 012345-567890-ABCDEF; default: all it may see")
    projects: tuple[str, ...] = Field((), description="ids to read; default: those of the billing accounts")
    regions: tuple[str, ...] = Field((), description="of prices and spot history; default: those resources are in")
    exports: tuple[GcpExport, ...] = Field(
        (), alias="export", description="tables of the billing export, or their datasets"
    )
    impersonate: str | None = Field(None, description="service account to act as; default: the credential itself")
    collect: tuple[GcpCollection, ...] = Field((), description="default: everything")
    bigquery_gb_per_day: int = Field(
        200, ge=0, description="BigQuery charges by bytes read: queries that would read more in a day are not run"
    )
    endpoint_url: str | None = Field(None, description="another server that speaks Google's REST, for trying out")
    grpc_endpoint: str | None = Field(None, description="another host:port that speaks its gRPC, for trying out")


Connection = AwsConnection | AzureConnection | GcpConnection
