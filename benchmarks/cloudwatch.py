"""A CloudWatch of made-up GPUs that answers as fast as it can be read: ``python -m benchmarks.cloudwatch MACHINES``.

It prints its URL and serves until it is ended, in a process of its own so that nobody takes its memory or time for the
collector's. The agent's series of machines with eight GPUs each have a point for every five minutes asked for. The
limits of the API hold: 500 series a page of ListMetrics, 500 queries a request and 100,800 points a page of
GetMetricData. Answers are put together from texts made once; who reads them checks how many points there were.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_SERIES, MOST_QUERIES, MOST_POINTS = 500, 500, 100_800
"""Series of a page of ListMetrics; queries of a request and points of a page of GetMetricData, as AWS documents."""

ACCOUNT = "111122223333"
GPUS = 8
METRICS = {
    "nvidia_smi_utilization_gpu": 100.0,
    "nvidia_smi_memory_used": 81_000.0,
    "nvidia_smi_memory_total": 81_559.0,
    "nvidia_smi_power_draw": 700.0,
}
"""What the agent publishes of each GPU, and about how much."""

_AGENT = "CWAgent"
_VARIANTS = 61
"""So many different courses of a metric there are."""

_IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/aispend</Arn><UserId>AIDAEXAMPLE</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def list_metrics(asked: dict[str, Any], machines: int) -> dict[str, Any]:
    """A page of the series of a metric; nothing for other namespaces."""
    name = asked.get("MetricName")
    if asked["Namespace"] != _AGENT or name not in METRICS:
        return {"Metrics": []}
    place = int(asked.get("NextToken", 0))
    numbers = range(place, min(place + MOST_SERIES, machines * GPUS))
    metrics = [{"Namespace": _AGENT, "MetricName": name, "Dimensions": _dimensions(number)} for number in numbers]
    more = {"NextToken": str(numbers.stop)} if numbers.stop < machines * GPUS else {}
    return {"Metrics": metrics, **more}


def get_metric_data(asked: dict[str, Any]) -> Iterator[str]:
    """The text of a page: query after query, as many points as a page holds; the token is how many came before."""
    queries = asked["MetricDataQueries"]
    if len(queries) > MOST_QUERIES:
        raise ValueError(f"{len(queries)} queries")
    start, end = int(asked["StartTime"]), int(asked["EndTime"])
    period = queries[0]["MetricStat"]["Period"]
    points = (end - start) // period
    first = int(asked.get("NextToken", 0))
    last = min(first + MOST_POINTS, points * len(queries))
    yield '{"MetricDataResults":['
    for place in range(first // points, -(-last // points)):
        metric = queries[place]["MetricStat"]["Metric"]
        machine, gpu = _place_of(metric["Dimensions"])
        kind = (metric["MetricName"], (machine * GPUS + gpu) % _VARIANTS)
        begin, stop = max(first - place * points, 0), min(last - place * points, points)
        state = "Complete" if stop == points else "PartialData"
        text = _points(start, period, range(begin, stop), *kind)
        comma = "" if place == first // points else ","
        yield f'{comma}{{"Id":"{queries[place]["Id"]}","Label":"{kind[0]}","StatusCode":"{state}",{text}}}'
    token = f'"NextToken":"{last}",' if last < points * len(queries) else ""
    yield f'],{token}"Messages":[]}}'


@cache
def _points(start: int, period: int, places: range, metric: str, variant: int) -> str:
    stamps = ",".join(str(start + place * period) for place in places)
    level = METRICS[metric] / 101
    values = ",".join(f"{level * ((variant * 7 + place) % 100 + 0.37):.4f}" for place in places)
    return f'"Timestamps":[{stamps}],"Values":[{values}]'


def _dimensions(number: int) -> list[dict[str, str]]:
    machine, gpu = divmod(number, GPUS)
    given = {
        "InstanceId": f"i-{machine:017x}",
        "InstanceType": "p5.48xlarge",
        "ImageId": "ami-0123456789abcdef0",
        "name": "NVIDIA H100 80GB HBM3",
        "arch": "Hopper",
        "index": str(gpu),
        "host": f"ip-10-0-{machine // 250}-{machine % 250}.ec2.internal",
    }
    return [{"Name": name, "Value": value} for name, value in given.items()]


def _place_of(dimensions: list[dict[str, str]]) -> tuple[int, int]:
    named = {one["Name"]: one["Value"] for one in dimensions}
    return int(named["InstanceId"].removeprefix("i-"), 16), int(named["index"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 18  # head and body in one packet: the client would wait for the second one
    machines: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if operation == "ListMetrics":
            self._answer("application/x-amz-json-1.0", json.dumps(list_metrics(json.loads(body), self.machines)))
        elif operation == "GetMetricData":
            self._answer("application/x-amz-json-1.0", "".join(get_metric_data(json.loads(body))))
        else:
            self._answer("text/xml", _IDENTITY)

    def _answer(self, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def main() -> None:
    """Serve until the process is ended."""
    handler = type("Handler", (_Handler,), {"machines": int(sys.argv[1])})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
