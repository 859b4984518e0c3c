"""By operation a question that costs next to nothing: whether it may be asked. What it names need not be there.

EC2 has one for everything: a dry run, which answers only whether the real request would be allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from collectors.aws.inventory_ec2 import Place

Question = Callable[[Place, datetime], Mapping[str, Any]]
"""The parameters of a request, by where and when it is asked."""

NO_SUCH_THING = frozenset(
    {"DryRunOperation", "ResourceNotFound", "ResourceNotFoundException", "ValidationError", "ValidationException"}
)
"""Answers to who may ask: what was named is not there."""


def _no_points(_place: Place, now: datetime) -> Mapping[str, Any]:
    whose = [{"Name": "Service", "Value": "CloudWatch"}]
    metric = {"Namespace": "AWS/Usage", "MetricName": "CallCount", "Dimensions": whose}
    query = {"Id": "q0", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}}
    return {"MetricDataQueries": [query], "StartTime": now - timedelta(hours=1), "EndTime": now}


def _no_profile(place: Place, _now: datetime) -> Mapping[str, Any]:
    return {"resourceARN": place.arn("bedrock", "application-inference-profile/aispend")}


def _last_month(place: Place, now: datetime) -> Mapping[str, Any]:
    month = now.replace(day=1) - timedelta(days=1)
    return {
        "Selector": {"ResourceType": "ACCOUNT_ID", "Value": place.account},
        "Filter": {"BillingPeriod": {"Month": month.month, "Year": month.year}},
        "MaxResults": 1,
    }


def _saying(**parameters: Any) -> Question:
    return lambda _place, _now: parameters


QUESTIONS: Mapping[str, Question] = {
    "bedrock.ListInferenceProfiles": _saying(maxResults=1, typeEquals="APPLICATION"),
    "bedrock.ListProvisionedModelThroughputs": _saying(maxResults=1),
    "bedrock.ListTagsForResource": _no_profile,
    "cloudwatch.GetMetricData": _no_points,
    "cloudwatch.ListMetrics": _saying(Namespace="AWS/Usage", MetricName="CallCount"),
    "ec2.DescribeCapacityReservations": _saying(DryRun=True),
    "ec2.DescribeInstanceTypeOfferings": _saying(DryRun=True),
    "ec2.DescribeReservedInstances": _saying(DryRun=True),
    "ec2.DescribeSpotPriceHistory": _saying(DryRun=True),
    "ec2.GetSpotPlacementScores": _saying(DryRun=True, TargetCapacity=1, InstanceTypes=["g5.xlarge"]),
    "invoicing.ListInvoiceSummaries": _last_month,
    "pricing.GetProducts": _saying(ServiceCode="AmazonEC2", MaxResults=1),
    "sagemaker.DescribeEndpoint": _saying(EndpointName="aispend"),
    "sagemaker.DescribeEndpointConfig": _saying(EndpointConfigName="aispend"),
    "sagemaker.DescribeProcessingJob": _saying(ProcessingJobName="aispend"),
    "sagemaker.DescribeTrainingJob": _saying(TrainingJobName="aispend"),
    "sagemaker.DescribeTransformJob": _saying(TransformJobName="aispend"),
    "savingsplans.DescribeSavingsPlans": _saying(maxResults=1),
    "savingsplans.DescribeSavingsPlansOfferingRates": _saying(maxResults=1),
    "service-quotas.ListServiceQuotas": _saying(ServiceCode="ec2", MaxResults=1),
}
