"""Cost Explorer: exact totals over pages, few requests, and what AWS does not say becomes a remark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.connections import AwsConnection
from aispend.store import Store
from collectors.aws.clients import ATTEMPTS, AwsClients
from collectors.aws.cost_explorer import CostExplorer, totals
from collectors.contract import Window
from collectors.runner import SourceReport
from tests.aws.double import Aws, RefusalError

Run = Callable[..., SourceReport]
D = Decimal
NOVEMBER, OCTOBER = ("2026-11-01", "2026-11-22"), ("2026-10-01", "2026-11-01")
COSTS = ("UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost")


def group(*keys: str, unblended: str, other: str | None = None) -> dict[str, Any]:
    """A group whose unblended cost differs from the other three."""
    amounts = {metric: {"Amount": other or unblended, "Unit": "USD"} for metric in COSTS}
    return {"Keys": list(keys), "Metrics": amounts | {"UnblendedCost": {"Amount": unblended, "Unit": "USD"}}}


def page(
    period: tuple[str, str], *groups: dict[str, Any], following: str = "", estimated: bool = False
) -> dict[str, Any]:
    result = {"TimePeriod": dict(zip(("Start", "End"), period, strict=True)), "Total": {}, "Groups": list(groups)}
    reply: dict[str, Any] = {"ResultsByTime": [result | {"Estimated": estimated}]}
    return reply | ({"NextPageToken": following} if following else {})


def grouped_by(parameters: Mapping[str, Any]) -> str:
    return str(parameters["GroupBy"][0]["Key"])


def company(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two months; November by account and service comes in two pages that share a period."""
    november = parameters["TimePeriod"]["Start"] == NOVEMBER[0]
    if grouped_by(parameters) == "model":
        used = [
            group("model$claude-4", "inferenceType$Input tokens", unblended="1.25"),
            group("model$claude-4", "inferenceType$Output tokens", unblended="0.0000000001"),
            group("model$", "inferenceType$", unblended="99"),
        ]
        return page(NOVEMBER, *used, estimated=True) if november else page(OCTOBER)
    if not november:
        return page(OCTOBER, group("111", "Amazon Bedrock", unblended="-3.5"))
    if "NextPageToken" not in parameters:
        return page(NOVEMBER, group("111", "Amazon EC2", unblended="0.1", other="0.3"), following="two")
    assert parameters["NextPageToken"] == "two"
    return page(NOVEMBER, group("222", "Amazon EC2", unblended="0.2"), estimated=True)


FORECAST = {
    "Total": {"Amount": "310.0000000001", "Unit": "USD"},
    "ForecastResultsByTime": [
        {
            "TimePeriod": {"Start": "2026-11-21", "End": "2026-12-01"},
            "MeanValue": "310.0000000001",
            "PredictionIntervalLowerBound": "280.5",
            "PredictionIntervalUpperBound": "350",
        }
    ],
}
ANOMALY = {
    "AnomalyId": "a-1",
    "AnomalyStartDate": "2026-11-10T00:00:00Z",
    "AnomalyEndDate": "2026-11-12T00:00:00Z",
    "DimensionValue": "Amazon Bedrock",
    "RootCauses": [
        {"Service": "Amazon EC2", "Impact": {"Contribution": 10.5}},
        {
            "Service": "Amazon Bedrock",
            "Region": "us-east-1",
            "LinkedAccount": "222",
            "UsageType": "USE1-Tokens",
            "Impact": {"Contribution": 90.1},
        },
    ],
    "AnomalyScore": {"MaxScore": 0.9, "CurrentScore": 0.4},
    "Impact": {"MaxImpact": 70.0, "TotalImpact": 100.6, "TotalActualSpend": 130.6, "TotalExpectedSpend": 30.0},
    "MonitorArn": "arn:aws:ce::111:anomalymonitor/m",
}


@pytest.fixture
def explorer(aws: Aws, clock: Clock) -> Callable[..., CostExplorer]:
    """A collector of a company; ``at`` is the clock's instant, ``left`` what its budget allows."""
    aws.on("ce.GetCostAndUsage", company)
    aws.on("ce.GetCostForecast", FORECAST)
    aws.on("ce.GetAnomalies", {"Anomalies": [ANOMALY]})

    def made(*, at: datetime | None = None, left: int = 40, **settings: Any) -> CostExplorer:
        connection = AwsConnection.model_validate({"endpoint_url": aws.url} | settings)
        return CostExplorer(AwsClients(connection, allowed={"ce": left}), (lambda: at) if at else clock)

    return made


def rows(database: Store, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_totals_are_exact_and_merged_over_pages(explorer: Any, run: Run, database: Store) -> None:
    report = run(explorer())
    assert (report.failed, report.rows) == (False, 1 + 1 + 3 * 4 + 2 * 4)
    found = rows(
        database,
        """SELECT account, dimensions ->> 'service', period_start, period_end, amount, estimated, currency
           FROM provider_total WHERE metric = 'UnblendedCost' AND account IS NOT NULL ORDER BY 3, 1""",
    )
    first, end = date(2026, 11, 1), date(2026, 11, 22)
    assert found == [
        ("111", "Amazon Bedrock", date(2026, 10, 1), first, D("-3.5"), False, "USD"),
        ("111", "Amazon EC2", first, end, D("0.1"), True, "USD"),
        ("222", "Amazon EC2", first, end, D("0.2"), True, "USD"),
    ]
    (net,) = rows(database, "SELECT amount FROM provider_total WHERE metric = 'NetAmortizedCost' AND account = '222'")
    assert net == (D("0.2"),)
    models = rows(
        database,
        """SELECT dimensions, amount, account FROM provider_total
           WHERE metric = 'UnblendedCost' AND account IS NULL ORDER BY amount""",
    )
    assert models == [
        ({"model": "claude-4", "inferenceType": "Output tokens"}, D("0.0000000001"), None),
        ({"model": "claude-4", "inferenceType": "Input tokens"}, D("1.25"), None),
    ]


def test_forecast_and_anomalies_stand_beside(explorer: Any, run: Run, database: Store, aws: Aws) -> None:
    run(explorer())
    assert rows(database, "SELECT period_start, period_end, metric, mean, low, high, level FROM provider_forecast") == [
        (
            date(2026, 11, 21),
            date(2026, 12, 1),
            "UNBLENDED_COST",
            D("310.0000000001"),
            D("280.5"),
            D("350"),
            D("0.8"),
        )
    ]
    (found,) = rows(
        database,
        """SELECT anomaly_id, account, service, region, usage_type, started_on, ended_on, impact, expected,
                  details -> 'score' ->> 'MaxScore' FROM provider_anomaly""",
    )
    assert found == (
        *("a-1", "222", "Amazon Bedrock", "us-east-1", "USE1-Tokens"),
        *(date(2026, 11, 10), date(2026, 11, 12), D("100.6"), D("30"), "0.9"),
    )
    (asked,) = [given for name, given, _, _ in aws.calls if name == "ce.GetAnomalies"]
    assert asked["DateInterval"] == {"StartDate": "2026-08-24"}


def test_a_first_run_is_seven_requests_and_the_next_none(explorer: Any, run: Run, aws: Aws) -> None:
    first = explorer()
    report = run(first)
    # two months, each by account and by model; November by account has a second page
    assert report.requests == {"ce.GetCostAndUsage": 5, "ce.GetCostForecast": 1, "ce.GetAnomalies": 1}
    assert set(report.requests) <= set(first.operations)

    assert run(explorer()).requests_sent == 0
    noon = run(explorer(at=datetime(2026, 11, 21, 12, tzinfo=UTC)))
    assert noon.requests == {"ce.GetCostAndUsage": 3}, "October was settled on the 16th: only November is asked again"
    assert run(explorer(at=datetime(2026, 11, 21, 23, tzinfo=UTC))).requests_sent == 0


def tokens(collector: CostExplorer, window: Window) -> dict[str, str]:
    return {piece.key: piece.token for piece in collector.find(window, {})}


def test_a_month_is_asked_for_as_often_as_it_may_have_changed(explorer: Any) -> None:
    window = Window(date(2026, 10, 1), date(2026, 12, 1))
    fresh = tokens(explorer(at=datetime(2026, 11, 16, 11, tzinfo=UTC)), window)
    assert (fresh["2026-10"], fresh["2026-11"]) == ("2026-11-16", "2026-11-16 morning")
    settled = tokens(explorer(at=datetime(2026, 11, 17, tzinfo=UTC)), window)
    assert settled["2026-10"] == "2026-10"


def test_what_aws_no_longer_has_is_not_asked_for(explorer: Any) -> None:
    found = tokens(explorer(), Window(date(2020, 1, 1), date(2026, 11, 22)))
    months = [key for key in found if key.startswith("20")]
    assert (len(months), months[0], months[-1]) == (14, "2026-11", "2025-10")
    past = tokens(explorer(), Window(date(2026, 9, 1), date(2026, 10, 1)))
    assert past == {"2026-09": "2026-09"}, "a forecast belongs to a window that reaches today"


def test_turned_off_it_asks_nothing_and_says_so(explorer: Any, run: Run, aws: Aws) -> None:
    off = explorer(cost_explorer_requests_per_day=0, left=0)
    assert run(off).slices == []
    (said,) = off.examine()
    assert (said.state, said.what) == ("note", "turned off: cost_explorer_requests_per_day is 0")
    (said,) = explorer().examine()
    assert "40 a day" in said.what
    assert aws.calls == []


def test_the_budget_ends_the_run_and_keeps_what_came(explorer: Any, run: Run, database: Store, aws: Aws) -> None:
    report = run(explorer(left=2))
    assert "budget" in (report.error or "")
    assert (report.loaded, len(aws.calls)) == (2, 2)
    assert rows(database, "SELECT count(*) FROM provider_forecast") == [(1,)]


def test_a_page_that_comes_again_is_an_error_not_an_endless_loop(explorer: Any, run: Run, aws: Aws) -> None:
    aws.on("ce.GetCostAndUsage", page(NOVEMBER, group("111", "Amazon EC2", unblended="1"), following="same"))
    report = run(explorer())
    assert [one.outcome for one in report.slices] == ["loaded", "loaded", "failed", "failed"]
    assert "same page again" in report.slices[2].message
    assert len(aws.calls) == 2 + 2 * 2


def test_data_that_changes_between_pages_is_asked_for_again_once(
    explorer: Any, run: Run, database: Store, aws: Aws
) -> None:
    wrong = page(NOVEMBER, group("111", "Amazon EC2", unblended="7"), following="two")
    right = page(NOVEMBER, group("111", "Amazon EC2", unblended="8"))
    aws.on("ce.GetCostAndUsage", [wrong, RefusalError("RequestChangedException"), right, page(NOVEMBER)])
    run(explorer(), first=date(2026, 11, 1), end=date(2026, 11, 22))
    assert rows(database, "SELECT sum(amount) FROM provider_total WHERE metric = 'UnblendedCost'") == [(D(8),)]

    aws.on("ce.GetCostAndUsage", [wrong, RefusalError("InvalidNextTokenException")] * 2)
    later = run(explorer(at=datetime(2026, 11, 22, 6, tzinfo=UTC)), first=date(2026, 11, 1), end=date(2026, 11, 22))
    assert [one.outcome for one in later.slices] == ["loaded", "loaded", "failed"]


def test_no_data_is_a_remark_and_no_zero(explorer: Any, run: Run, database: Store, aws: Aws) -> None:
    gone = RefusalError("DataUnavailableException")

    def without_models(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if grouped_by(parameters) == "model":
            raise gone
        return company(parameters)

    aws.on("ce.GetCostAndUsage", without_models)
    aws.on("ce.GetCostForecast", [gone])
    aws.on("ce.GetAnomalies", [RefusalError("AccessDeniedException")])
    report = run(explorer())
    assert [one.notes for one in report.slices] == [
        ("AWS gives no forecast: it has too little history of this account.",),
        ("What AWS finds odd is unknown: the permission ce:GetAnomalies is missing.",),
        ("AWS has no totals by model for 2026-11.",),
        ("AWS has no totals by model for 2026-10.",),
    ]
    assert rows(database, "SELECT count(*) FROM provider_forecast") == [(0,)]


def test_before_september_2026_models_are_not_asked_for(explorer: Any, run: Run, aws: Aws) -> None:
    aws.on("ce.GetCostAndUsage", page(("2026-08-01", "2026-09-01"), group("1", "Amazon EC2", unblended="1")))
    run(explorer(), first=date(2026, 8, 1), end=date(2026, 9, 1))
    assert [grouped_by(given) for _, given, _, _ in aws.calls] == ["LINKED_ACCOUNT"]


def test_without_the_permission_the_source_says_so(explorer: Any, run: Run, aws: Aws) -> None:
    aws.on("ce.GetCostAndUsage", [RefusalError("AccessDeniedException")])
    assert "AWS denies GetCostAndUsage" in (run(explorer()).error or "")


def test_anomalies_that_are_over_go(explorer: Any, run: Run, database: Store, aws: Aws) -> None:
    run(explorer())
    aws.on("ce.GetAnomalies", {"Anomalies": []})
    assert not run(explorer(at=datetime(2026, 11, 22, 6, tzinfo=UTC))).failed
    assert rows(database, "SELECT count(*) FROM provider_anomaly") == [(0,)]


def test_a_group_given_twice_counts_once_and_never_two_ways() -> None:
    from aispend.errors import InputError
    from collectors.aws.cost_explorer import _BY_ACCOUNT

    now = datetime(2026, 11, 21, tzinfo=UTC)
    same = page(OCTOBER, group("111", "Amazon EC2", unblended="2"))
    assert len(totals([same, same], _BY_ACCOUNT, now)) == len(COSTS)
    with pytest.raises(InputError, match="two totals"):
        totals([same, page(OCTOBER, group("111", "Amazon EC2", unblended="3"))], _BY_ACCOUNT, now)
    with pytest.raises(InputError, match="no number"):
        totals([page(OCTOBER, group("111", "Amazon EC2", unblended="n/a"))], _BY_ACCOUNT, now)


def test_what_is_denied_keeps_what_it_had(explorer: Any, run: Run, database: Store, aws: Aws) -> None:
    run(explorer())
    both = "SELECT (SELECT count(*) FROM provider_forecast), (SELECT count(*) FROM provider_anomaly)"
    ((forecasts, odd),) = rows(database, both)
    assert forecasts == 1
    assert odd > 0
    for operation in ("GetCostForecast", "GetAnomalies"):
        aws.on(f"ce.{operation}", [RefusalError("AccessDeniedException", status=403)])

    report = run(explorer(at=datetime(2026, 11, 22, 6, tzinfo=UTC)))

    assert not report.failed
    assert rows(database, both) == [(forecasts, odd)]


def test_a_limit_that_stays_ends_the_run_before_it_uses_up_the_budget(
    explorer: Any, run: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    for operation in ("GetCostAndUsage", "GetCostForecast", "GetAnomalies"):
        aws.on(f"ce.{operation}", [RefusalError("ThrottlingException")])

    report = run(explorer())

    assert [one.outcome for one in report.slices] == ["failed"]
    assert "limits the rate of requests to Cost Explorer" in report.slices[0].message
    assert report.requests_sent <= ATTEMPTS
