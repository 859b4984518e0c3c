"""How busy accelerators are, as CloudWatch knows it: the agent on machines, Container Insights, SageMaker.

No cloud measures the GPUs of a plain machine without an agent in it: a machine without series is unknown, never idle.

| series | unit | becomes |
|---|---|---|
| CloudWatch agent ``nvidia_smi_*`` | percent of one GPU, MiB, W | a row per machine, GPU and period |
| Container Insights ``node_gpu_*`` | percent of one GPU, bytes, W | the same, where there is no agent |
| SageMaker endpoints and jobs | percent added up over the GPUs of a machine | the mean, for each of its GPUs |

*Drawbacks.* What SageMaker gives is a mean over GPUs and machines: that one of eight works alone is not to be seen.
Series of a machine that was gone for two weeks are not listed any more: days of before say that they may lack some.
Points of five minutes hide peaks within, but for those of memory, which are asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.aws import cloudwatch, utilization_sagemaker
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Answer, Group, Series
from collectors.aws.cloudwatch_cost import Survey
from collectors.aws.days import before, day_slices
from collectors.aws.gaps import Missing, Probe, token_of
from collectors.aws.inventory_ec2 import Place
from collectors.aws.utilization_rows import (
    AGENT_METRICS,
    NODE_METRICS,
    Gpu,
    LeftOut,
    ask,
    gpu_rows,
    remarks,
    shared_rows,
)
from collectors.aws.utilization_sagemaker import ENDPOINTS, JOBS, Hosted, Machines, of_endpoints, of_jobs
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import today_and_before
from collectors.gpu_columns import COLUMNS
from collectors.table_file import table_file

FINEST = 300
"""Seconds between points."""

AGENT = "CWAgent"
CONTAINERS = "ContainerInsights"


class Utilization(AwsCollector):
    """See the module's text."""

    kind = "utilization"
    reach = timedelta(days=30)
    restated_for = timedelta(days=1)
    operations = (*cloudwatch.OPERATIONS, *utilization_sagemaker.OPERATIONS)

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._groups: dict[Place, list[Group]] = {}
        self._machines: dict[Place, Machines] = {}
        self._seen: Mapping[str, Seen] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once, or until it is whole."""
        probe = Probe(self.clients, self.clock, seen)
        self._seen = seen
        scopes = (*self.clients.accounts, *self.clients.regions)
        yield from day_slices(window, seen, self.clock(), self.kind, scopes=scopes, probe=probe, finest=FINEST)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The points of one day, of all accounts and regions."""
        from botocore.exceptions import ClientError

        start, end = today_and_before(date.fromisoformat(piece.key), self.clock())
        period = cloudwatch.period_for(start, self.clock(), FINEST)
        known = before(piece, self._seen)
        missing = Missing(self.operations)
        missing.unlisted(start, self.clock())
        doubtful: LeftOut = Counter()
        refused: ClientError | None = None
        answered = False
        path = folder / "utilization.parquet"
        with table_file(path, COLUMNS) as write:
            for place in (Place(one, region) for one in self.clients.accounts for region in self.clients.regions):
                if known is not None and not known.lacks(place, naming=True):
                    continue
                if progress:
                    progress(f"{piece.title}: {place.account}, {place.region}", 0, None)
                unread: list[str] = []
                try:
                    client = self._cloudwatch(place)
                    groups = self._found(client, place)
                    found = cloudwatch.read(client, groups, start=start, end=end, period=period, notes=unread)
                    for group, answer in found:
                        write(self._rows(group, answer, period, missing, doubtful))
                    answered = True
                except ClientError as error:
                    missing.refused(
                        error, f"Utilization in {place.account}, {place.region}", place.account, place.region
                    )
                    refused = error
                missing.unread(unread, place.account, place.region)
            written = write([])
        if refused is not None and not answered and known is None:
            raise refused
        return Reading(
            [Files("metrics", [path] if written else [], rows=written)],
            notes=tuple(dict.fromkeys((*missing.notes, *remarks(doubtful)))),
            may_be_empty=known is not None,
            token=token_of(piece.token, missing.gaps),
        )

    def examine(self) -> Iterator[Finding]:
        """Whether there is an agent, and what asking for its metrics costs."""
        yield from super().examine()
        survey = Survey(self, lambda place: self._found(self._cloudwatch(place), place))
        of_gpus = ((place, group.key) for place, group in survey.groups() if isinstance(group.key, Gpu))
        machines = len({(place, gpu.resource_id) for place, gpu in of_gpus})
        yield from survey.refusals()
        if survey.places and not machines:
            yield Finding(
                "note",
                "no machine publishes GPU metrics: their use is unknown",
                "Install the CloudWatch agent with its nvidia_gpu section, or import what Prometheus has.",
            )
        if survey.metrics:
            peaks = "the peaks of memory, a second statistic of a metric, cost nothing more"
            yield Finding("good", f"{machines} machines publish GPU metrics; {survey.cost()}; {peaks}")
        yield from survey.rest()

    # ------------------------------------------------------------------------------- what there is

    def _cloudwatch(self, place: Place) -> Any:
        return self.clients.client("cloudwatch", region=place.region, account=place.account)

    def _found(self, client: Any, place: Place) -> list[Group]:
        """The groups of a place, asked once in a run."""
        if place not in self._groups:
            groups = of_machines(
                cloudwatch.discover(client, AGENT, tuple(AGENT_METRICS)),
                cloudwatch.discover(client, CONTAINERS, tuple(NODE_METRICS)),
            )
            metrics = tuple(utilization_sagemaker.METRICS)
            groups += of_endpoints(cloudwatch.discover(client, ENDPOINTS, metrics), place)
            for namespace, kind in JOBS.items():
                groups += of_jobs(cloudwatch.discover(client, namespace, metrics), place, kind)
            self._groups[place] = groups
        return self._groups[place]

    def _rows(
        self, group: Group, answer: Answer, period: int, missing: Missing, doubtful: LeftOut
    ) -> Iterator[dict[str, Any]]:
        if isinstance(group.key, Gpu):
            yield from gpu_rows(group.key, answer, _scales(group), period, doubtful)
            return
        hosted: Hosted = group.key
        if hosted.place not in self._machines:
            sagemaker = self.clients.client("sagemaker", region=hosted.place.region, account=hosted.place.account)
            self._machines[hosted.place] = Machines(sagemaker)
        shared = self._machines[hosted.place].of(hosted, missing)
        if shared is not None:
            yield from shared_rows(shared, answer, period, doubtful)


def of_machines(agent: Iterable[Series], containers: Iterable[Series]) -> list[Group]:
    """One group per GPU: of the agent's series, and of Container Insights for machines the agent says nothing of.

    A metric may be published under several sets of dimensions (aggregations): of those that name the machine and the
    GPU the fullest is taken, so that nothing counts twice. A machine that is once called by its host and once by its
    instance is one.
    """
    published = list(agent)
    instances = {host: name for one in published if (host := one.get("host")) and (name := one.get("InstanceId"))}
    groups = _by_gpu(published, AGENT_METRICS, "index", lambda one: _machine(one, instances))
    known = {_host(gpu.resource_id) for gpu in groups}
    of_others = (one for one in containers if known.isdisjoint({one.get("InstanceId"), _host(one.get("NodeName"))}))
    groups |= _by_gpu(of_others, NODE_METRICS, "GpuDevice", lambda one: one.get("InstanceId"))
    return [groups[gpu] for gpu in sorted(groups, key=lambda gpu: (gpu.resource_id, gpu.index))]


def _machine(series: Series, instances: Mapping[str, str]) -> str | None:
    """The instance; of a series with a host alone the instance that other series of the host name, else the host."""
    host = series.get("host")
    return series.get("InstanceId") or (instances.get(host, host) if host else None)


def _host(name: str | None) -> str | None:
    return name.partition(".")[0].lower() if name else None


def _by_gpu(
    series: Iterable[Series],
    metrics: Mapping[str, tuple[str, float]],
    index: str,
    owner_of: Callable[[Series], str | None],
) -> dict[Gpu, Group]:
    fullest: dict[tuple[Gpu, str], Series] = {}
    for one in series:
        owner = owner_of(one)
        number = re.search(r"\d+$", one.get(index) or "")
        if owner is None or number is None or one.metric not in metrics:
            continue
        place = (Gpu(owner, int(number[0])), metrics[one.metric][0])
        if place not in fullest or _rank(one) > _rank(fullest[place]):
            fullest[place] = one
    found: dict[Gpu, Group] = {}
    for (gpu, column), one in fullest.items():
        ask(found.setdefault(gpu, Group(gpu)), column, one)
    return found


def _rank(series: Series) -> tuple[int, list[tuple[str, str]]]:
    return len(series.dimensions), sorted(series.dimensions)


def _scales(group: Group) -> dict[str, float]:
    known = AGENT_METRICS | NODE_METRICS
    return {column: known[query.series.metric][1] for column, query in group.queries.items()}
