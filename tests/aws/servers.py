"""AWS for the contract of all collectors: its doubles, how it refuses, and a small company."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import boto3
import botocore.session
import pytest

from aispend.connections import AwsConnection
from collectors.aws import prices
from collectors.aws.base import actions_for
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Series
from sample.object_store import ObjectStore
from sample.object_store import serving as serving_objects
from tests.aws import (
    test_advice,
    test_commitments,
    test_cost_explorer,
    test_invoices,
    test_offerings,
    test_prices,
    test_spot,
)
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError, serving
from tests.aws.test_bills import EXPORT, Bucket, line
from tests.aws.test_inventory import instance
from tests.aws.test_lives import EMPTY
from tests.aws.test_usage_metrics import bedrock
from tests.aws.test_utilization import CloudWatch, agent
from tests.clouds.servers import SAID, SECRETS, TELLING, WAIT, CloudServers, Fault, Garble, garbled, page

BLOCK = test_commitments.BLOCK | {"AvailableInstanceCount": 4}
READING = ("Get", "List", "Describe", "Head", "Lookup", "Search")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_FAULTS: Mapping[Fault, RefusalError] = {
    "denied": RefusalError(
        "AccessDeniedException", f"arn:aws:iam::{ACCOUNT}:user/aispend is not authorized; {SAID}", headers=TELLING
    ),
    "expired": RefusalError(
        "ExpiredTokenException", f"The security token included in the request is expired; {SAID}", headers=TELLING
    ),
    "broken": RefusalError("InternalServerException", SAID, status=500, headers=TELLING),
    "limited": RefusalError("ThrottlingException", SAID, headers=TELLING),
    "limited with a wait": RefusalError(
        "TooManyRequestsException", SAID, status=429, headers={**TELLING, "Retry-After": str(WAIT)}
    ),
}


class _Refusing(Aws):
    fault: Fault | None = None
    how: Garble | None = None
    but: Collection[str] = ()

    def respond(self, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        status, told, honest = super().respond(service, method, path, headers, body)
        if self.how is None or self.calls[-1][0] in self.but or status != HTTPStatus.OK:
            return status, told, honest
        text = honest.decode() if isinstance(honest, bytes) else honest
        if text.lstrip().startswith("<"):
            bare = re.sub(r"<(\w+)>[^<]*</\1>", "", text)
            xml = {"a proxy's page": page(), "cut off": text[: len(text) // 2], "entries without fields": bare}
            return status, told, xml.get(self.how, "<Another><Shape>of XML</Shape></Another>")
        return status, told, garbled(self.how, json.loads(text or "{}"))

    def refusal(self, operation: str) -> RefusalError | None:
        return _FAULTS[self.fault] if self.fault and operation not in self.but else None


class Servers(CloudServers):
    """See ``tests.clouds.servers``."""

    always = frozenset({"sts.GetCallerIdentity", "ec2.DescribeRegions", "organizations.ListAccounts"})
    elsewhere: ClassVar[Mapping[str, frozenset[str]]] = {
        "bills": frozenset(
            {
                "bcm-data-exports.GetExport",
                "bcm-data-exports.ListExports",
                "cur.DescribeReportDefinitions",
                "s3.GetBucketLocation",
            }
        ),
        "inventory": frozenset({"eks.DescribeCluster", "sagemaker.DescribeInferenceComponent"}),
    }

    def __init__(self, double: _Refusing, bucket: Bucket, objects: ObjectStore, objects_url: str) -> None:
        self.double, self.bucket, self.objects, self.objects_url = double, bucket, objects, objects_url
        self.session = boto3.Session("AKIATEST", SECRETS.given, SECRETS.given)
        self.botocore = botocore.session.get_session()

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[Servers]:
        double = _Refusing()
        with tempfile.TemporaryDirectory() as folder:
            bucket = Bucket(Path(folder))
            objects = ObjectStore({"bills": bucket.root})
            with pytest.MonkeyPatch.context() as patch, serving(double), serving_objects(objects) as url:
                patch.setattr(prices, "families", lambda: {"p5": ["p5.48xlarge"]})  # one family, so that a run is short
                yield cls(double, bucket, objects, url)
        assert not double.defects, double.defects[0]

    def connect(self, kind: str, *, settled: bool = True) -> AwsClients:
        given: dict[str, Any] = {"endpoint_url": self.double.url} | ({"regions": ("us-east-1",)} if settled else {})
        if kind == "bills" and self.double.fault is None and self.double.how is None:
            export = {"bucket": "bills", "name": EXPORT, "region": "us-east-1"}
            given |= {"endpoint_url": self.objects_url, "export": [export]}
        return AwsClients(AwsConnection.model_validate(given), session=self.session)

    def refuse(self, fault: Fault | None, *, but: Collection[str] = ()) -> None:
        # who one is, everybody may ask
        self.double.how = None
        self.double.fault, self.double.but = fault, {*but, *(["sts.GetCallerIdentity"] if fault == "denied" else [])}
        self.asked()

    def garble(self, how: Garble, *, but: Collection[str] = ()) -> None:
        self.double.fault, self.double.how, self.double.but = None, how, {*but, "sts.GetCallerIdentity"}
        self.asked()

    def asked(self) -> int:
        found = len(self.double.calls) + len(self.objects.asked)
        self.double.calls.clear()
        self.objects.asked.clear()
        return found

    def costly(self) -> list[str]:
        return [name for name in self.double.operations() if name.startswith("ce.")]

    def permissions(self, operation: str) -> Collection[str] | None:
        service, _, called = operation.partition(".")
        known = self.botocore.get_service_model(service).operation_names
        return actions_for(operation) if called in known else None

    def reads(self, operation: str) -> bool:
        return operation.partition(".")[2].startswith(READING)

    # ------------------------------------------------------------------------------ company

    def fill(self) -> None:
        on = self.double.on
        on("sts.GetCallerIdentity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/a", "UserId": "A"})
        on("ec2.DescribeRegions", {"Regions": [{"RegionName": "us-east-1"}]})
        for operation, empty in EMPTY.items():
            on(operation, empty)
        on("cloudtrail.LookupEvents", {"Events": []})
        on("sagemaker.ListTrainingJobs", {"TrainingJobSummaries": []})
        gpu = {"Name": "L4", "Count": 1}
        on("ec2.DescribeInstanceTypes", {"InstanceTypes": [{"InstanceType": "g6f.large", "GpuInfo": {"Gpus": [gpu]}}]})
        on("ce.GetCostForecast", test_cost_explorer.FORECAST)
        on("ce.GetAnomalies", {"Anomalies": [test_cost_explorer.ANOMALY]})
        on("ec2.DescribeReservedInstances", {"ReservedInstances": [test_commitments.RESERVED]})
        on("ec2.DescribeCapacityReservations", {"CapacityReservations": [BLOCK]})
        on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": [test_commitments.THROUGHPUT]})
        on("compute-optimizer.GetEC2InstanceRecommendations", {"instanceRecommendations": [test_advice.OVERSIZED]})
        on("compute-optimizer.GetIdleRecommendations", {"idleRecommendations": [test_advice.IDLE]})
        on("savingsplans.DescribeSavingsPlansOfferingRates", {"searchResults": []})
        on("ec2.DescribeSpotPriceHistory", test_spot.history(test_spot.change(20, 6, "0.5")))
        on("bedrock.ListInferenceProfiles", {"inferenceProfileSummaries": []})
        for month in ("2026-10", "2026-11"):
            self.bucket.deliver(month, [line(month, "4")])
        for kind in self._changing:
            self._say(kind, first=True)

    def restate(self, collector: str) -> None:
        self._say(collector, first=False)

    def _say(self, kind: str, *, first: bool) -> None:
        getattr(self, f"_{kind.replace('-', '_')}")(first)

    _changing = (
        "invoices",
        "commitments",
        "inventory",
        "utilization",
        "cost-explorer",
        "advice",
        "prices",
        "spot",
        "offerings",
    )

    def _bills(self, first: bool) -> None:
        self.bucket.deliver("2026-11", [line("2026-11", "4" if first else "5")], run="run-1" if first else "run-2")

    def _invoices(self, first: bool) -> None:
        found = test_invoices.summary("1", "107.25", "100.25" if first else "100.26")

        def answer(asked: Mapping[str, Any]) -> Mapping[str, Any]:
            return test_invoices.answer(*([found] if asked["Filter"]["BillingPeriod"]["Month"] == 10 else []))

        self.double.on("invoicing.ListInvoiceSummaries", answer)

    def _commitments(self, first: bool) -> None:
        plan = test_commitments.PLAN | ({} if first else {"commitment": "11.5"})
        self.double.on("savingsplans.DescribeSavingsPlans", {"savingsPlans": [plan]})

    def _inventory(self, first: bool) -> None:
        found = [instance("i-1"), *([] if first else [instance("i-2")])]
        self.double.on("ec2.DescribeInstances", {"Reservations": [{"Instances": found}]})

    def _utilization(self, first: bool) -> None:
        steps = [NOON - timedelta(days=1), *(NOON + timedelta(minutes=5 * place) for place in range(12))]
        tokens = [(NOON - timedelta(days=1), 7.0), (NOON, 5.0 if first else 6.0)]
        busy = 40.0 if first else 60.0
        points: dict[Series, list[tuple[datetime, float]]] = {
            agent("utilization_gpu"): [(at, busy if at >= NOON else 10.0) for at in steps],
            bedrock("Invocations"): tokens,
            bedrock("OutputTokenCount"): tokens,
        }
        CloudWatch(self.double, points)

    _usage = _utilization

    def _cost_explorer(self, first: bool) -> None:
        def answer(asked: Mapping[str, Any]) -> Mapping[str, Any]:
            said = test_cost_explorer
            month = (asked["TimePeriod"]["Start"], asked["TimePeriod"]["End"])
            if said.grouped_by(asked) == "model":
                return said.page(month)
            cost = "5" if month[0] == said.NOVEMBER[0] and not first else "4"
            return said.page(month, said.group("111", "Amazon EC2", unblended=cost))

        self.double.on("ce.GetCostAndUsage", answer)

    def _advice(self, first: bool) -> None:
        found = [test_advice.RIGHTSIZE, test_advice.PLANS][: 2 if first else 1]
        self.double.on("cost-optimization-hub.ListRecommendations", {"items": found})

    def _prices(self, first: bool) -> None:
        found = test_prices.product(price="55.04" if first else "54.04")
        self.double.on("pricing.GetProducts", {"FormatVersion": "aws_v1", "PriceList": [found]})

    def _offerings(self, first: bool) -> None:
        self.double.on("ec2.DescribeInstanceTypeOfferings", test_offerings.zones("p5.48xlarge", "us-east-1a"))
        limit = test_offerings.limit("L-417A185B", "Running On-Demand P instances", 192.0 if first else 384.0)
        self.double.on("service-quotas.ListServiceQuotas", {"Quotas": [limit]})

    def _spot(self, first: bool) -> None:
        score = {"Region": "us-east-1", "Score": 9 if first else 3}  # past days never change
        self.double.on("ec2.GetSpotPlacementScores", {"SpotPlacementScores": [score]})
