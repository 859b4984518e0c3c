"""What the company pays its clouds for that is not AI: quantities of a normal day, at list prices."""

from __future__ import annotations

from dataclasses import dataclass

from sample.google_projects import GCP_DATA, GCP_VISION
from sample.story import AZURE_AI, AZURE_DATA, AZURE_EU, COMMERCE, DATA, SERVING


@dataclass(frozen=True)
class AwsSpend:
    """A service used so much a day."""

    account: str
    service: str
    category: str
    subcategory: str
    code: str
    meter: str
    description: str
    unit: str
    price: str
    per_day: float
    operation: str
    team: str | None = None


@dataclass(frozen=True)
class AzureSpend:
    """A meter of a resource; ``block`` is how many units one pricing unit holds."""

    account: str
    service: str
    category: str
    subcategory: str
    resource: str
    meter_category: str
    meter: str
    unit: str
    block: int
    price: str
    per_day: float
    team: str | None


@dataclass(frozen=True)
class GcpSpend:
    """A SKU of a project."""

    project: str
    service: str
    service_id: str
    sku: str
    unit: str
    price: str
    per_day: float
    team: str | None


AWS = (
    AwsSpend(
        DATA,
        "Amazon Simple Storage Service",
        "Storage",
        "Object Storage",
        "AmazonS3",
        "TimedStorage-ByteHrs",
        "$0.023 per GB - first 50 TB / month of storage used",
        "GB-Mo",
        "0.023",
        5600,
        "StandardStorage",
        "data",
    ),
    AwsSpend(
        COMMERCE,
        "Amazon Relational Database Service",
        "Databases",
        "Relational Databases",
        "AmazonRDS",
        "InstanceUsage:db.r6g.2xl",
        "$0.898 per RDS db.r6g.2xlarge Single-AZ instance hour running PostgreSQL",
        "Hours",
        "0.898",
        96,
        "CreateDBInstance:0014",
        "commerce",
    ),
    AwsSpend(
        COMMERCE,
        "AWS Data Transfer",
        "Networking",
        "Content Delivery",
        "AWSDataTransfer",
        "DataTransfer-Out-Bytes",
        "$0.090 per GB - first 10 TB / month data transfer out",
        "GB",
        "0.09",
        1900,
        "",
        None,
    ),
    AwsSpend(
        SERVING,
        "Amazon Elastic Block Store",
        "Storage",
        "Block Storage",
        "AmazonEC2",
        "EBS:VolumeUsage.gp3",
        "$0.08 per GB-month of General Purpose (gp3) provisioned storage",
        "GB-Mo",
        "0.08",
        430,
        "CreateVolume-Gp3",
        None,
    ),
    AwsSpend(
        SERVING,
        "Amazon Elastic Kubernetes Service",
        "Compute",
        "Containers",
        "AmazonEKS",
        "USE1-AmazonEKS-Hours:perCluster",
        "$0.10 per hour for each Amazon EKS cluster",
        "Hours",
        "0.1",
        48,
        "CreateOperation",
        None,
    ),
    AwsSpend(
        COMMERCE,
        "Amazon CloudWatch",
        "Management and Governance",
        "Observability",
        "AmazonCloudWatch",
        "CW:MetricMonitorUsage",
        "$0.30 per metric-month for the first 10,000 metrics",
        "Metrics",
        "0.3",
        210,
        "MetricStorage",
        None,
    ),
    AwsSpend(
        COMMERCE,
        "AWS Lambda",
        "Compute",
        "Serverless Compute",
        "AWSLambda",
        "Lambda-GB-Second",
        "AWS Lambda - Total Compute",
        "GB-Second",
        "0.0000166667",
        3_900_000,
        "Invoke",
        "commerce",
    ),
    AwsSpend(
        DATA,
        "Amazon Athena",
        "Analytics",
        "Analytics Platforms",
        "AmazonAthena",
        "USE1-DataScannedInTB",
        "$5.00 per Terabyte for DataScannedInTB",
        "Terabytes",
        "5",
        14,
        "RunQuery",
        "data",
    ),
    AwsSpend(
        COMMERCE,
        "Amazon Virtual Private Cloud",
        "Networking",
        "Network Infrastructure",
        "AmazonVPC",
        "NatGateway-Bytes",
        "$0.045 per GB Data Processed by NAT Gateways",
        "GB",
        "0.045",
        2600,
        "NatGateway",
        None,
    ),
)

AZURE = (
    AzureSpend(
        AZURE_DATA,
        "SQL Database",
        "Databases",
        "Relational Databases",
        "microsoft.sql/servers/databases/erp",
        "SQL Database",
        "vCore",
        "1 Hour",
        1,
        "0.2523",
        192,
        "finance",
    ),
    AzureSpend(
        AZURE_DATA,
        "Storage Accounts",
        "Storage",
        "Object Storage",
        "microsoft.storage/storageaccounts/lkdatalake",
        "Storage",
        "Hot LRS Data Stored",
        "1 GB/Month",
        1,
        "0.0208",
        2100,
        "data",
    ),
    AzureSpend(
        AZURE_DATA,
        "Storage Accounts",
        "Storage",
        "Object Storage",
        "microsoft.storage/storageaccounts/lkdatalake",
        "Storage",
        "Hot LRS Write Operations",
        "10K",
        10_000,
        "0.055",
        38,
        "data",
    ),
    AzureSpend(
        AZURE_AI,
        "Azure App Service",
        "Web",
        "Application Platforms",
        "microsoft.web/serverfarms/plan-intranet",
        "Azure App Service",
        "P1 v3 App",
        "1 Hour",
        1,
        "0.226",
        48,
        "it",
    ),
    AzureSpend(
        AZURE_AI,
        "Bandwidth",
        "Networking",
        "Network Connectivity",
        "microsoft.network/virtualnetworks/vnet-hub",
        "Bandwidth",
        "Standard Data Transfer Out",
        "1 GB",
        1,
        "0.087",
        640,
        None,
    ),
    AzureSpend(
        AZURE_EU,
        "Azure App Service",
        "Web",
        "Application Platforms",
        "microsoft.web/serverfarms/plan-stores",
        "Azure App Service",
        "P2 v3 App",
        "1 Hour",
        1,
        "0.452",
        72,
        "stores",
    ),
    AzureSpend(
        AZURE_EU,
        "Azure Cosmos DB",
        "Databases",
        "NoSQL Databases",
        "microsoft.documentdb/databaseaccounts/cosmos-stores",
        "Azure Cosmos DB",
        "100 RU/s",
        "1/Hour",
        1,
        "0.008",
        2400,
        "stores",
    ),
)

GCP = (
    GcpSpend(GCP_DATA, "BigQuery", "24E6-581D-38E5", "Analysis (us-central1)", "tebibyte", "6.25", 18, "data"),
    GcpSpend(
        GCP_DATA,
        "Cloud Storage",
        "95FF-2EF5-5EA1",
        "Standard Storage US Regional",
        "gibibyte month",
        "0.02",
        1900,
        "data",
    ),
    GcpSpend(
        GCP_VISION, "Kubernetes Engine", "CCD8-9BF1-090E", "Regional Kubernetes Clusters", "hour", "0.1", 24, None
    ),
    GcpSpend(
        GCP_VISION,
        "Networking",
        "E505-1604-58F8",
        "Network Internet Data Transfer Out from Americas to Americas",
        "gibibyte",
        "0.085",
        540,
        None,
    ),
    GcpSpend(
        GCP_DATA,
        "Cloud SQL",
        "9662-B51E-5089",
        "Cloud SQL for PostgreSQL: Regional - vCPU in Americas",
        "hour",
        "0.0826",
        192,
        "data",
    ),
)
