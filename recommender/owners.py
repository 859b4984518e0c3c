"""Who decides how many there are of a machine: the group that would start another in its place.

Assumes
    Only what a cloud itself says proves an owner: tags and labels its own services set, in the bill or in its listing
    (a bill has only the tags that somebody chose for it), the resource id, or the scale set that a listing names. Those
    of EKS and Karpenter are tags of a person to AWS, which puts ``user:`` before them.
    A fleet of an inventory says what belongs together and nothing more.
Method
    First match of: EKS node group, Karpenter pool, auto-scaling group, EKS cluster, fleet of spot or of EC2, EMR,
    ParallelCluster (AWS); scale set in the id, or of a machine with an id of its own (Azure); GKE node pool, managed
    instance group (Google); a cluster of Databricks (any cloud).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import numpy as np

from aispend.tag_keys import is_called, plain_tag_key
from recommender.contract import Subject
from recommender.subjects.machines import Machine

_GROUP_MANAGER = re.compile(r"(?:.*/)?(zones|regions)/([^/]+)/instanceGroupManagers/([^/]+)", re.IGNORECASE)
_AKS_POOL = re.compile(r"aks-([a-z0-9]+)-\d+-vmss", re.IGNORECASE)
"""How AKS names the scale set of a node pool."""
_GCP_PLACE = re.compile(r"projects/([^/]+)/(?:zones|regions|locations)/([^/]+)/.+")
_AZURE_PLACE = re.compile(r"/subscriptions/([^/]+)/resourcegroups/([^/]+)/providers/.+", re.IGNORECASE)

_OTHERS_OF_AWS = (
    (
        "aws:ec2spot:fleet-request-id",
        "spot_fleet",
        "aws ec2 describe-spot-fleet-requests --spot-fleet-request-ids",
        "lower its target capacity with modify-spot-fleet-request: it starts another in place of one that ends",
        "its launch specification",
    ),
    (
        "aws:ec2:fleet-id",
        "ec2_fleet",
        "aws ec2 describe-fleets --fleet-ids",
        "if it maintains its capacity, lower that with modify-fleet: it starts another in place of one that ends",
        "its launch template",
    ),
    (
        "aws:elasticmapreduce:job-flow-id",
        "emr_cluster",
        "aws emr describe-cluster --cluster-id",
        "lower the number of its instance group, or end the cluster: a node that is stopped is replaced",
        "a new instance group",
    ),
    (
        "parallelcluster:cluster-name",
        "parallelcluster",
        "pcluster describe-compute-fleet --cluster-name",
        "let its queue go down: a node that is stopped is started again",
        "the queue of its configuration",
    ),
)
"""Tags that name what else starts machines of EC2: the tag, sort, how to look, and what to do at the owner."""


@dataclass(frozen=True)
class Owner:
    """The group a machine belongs to: what people call it, and how to look at it and at its size.

    ``look`` is commands as text; ``template`` says in words where the group's machine type is set. ``kind`` is the sort
    of group, ``group`` its own name without that of its cluster.
    """

    name: str
    kind: str
    group: str
    look: tuple[str, ...]
    shrink: tuple[str, ...]
    hint: str
    template: str


def owner_of(subject: Machine) -> Owner | None:
    """The proven owner of a machine; None where nothing proves one."""
    find = {"aws": _aws, "azure": _azure, "gcp": _gcp}.get(subject.provider)
    return (find(subject) if find else None) or _databricks(subject)


def gcp_place(subject: Subject) -> tuple[str, str | None]:
    """Project, and zone or region, of a Google resource: out of its id, else the bill's project and no place."""
    found = _GCP_PLACE.fullmatch(subject.resource_id)
    return (found[1], found[2]) if found else (subject.account or "PROJECT", None)


def azure_place(resource_id: str) -> str:
    """``--resource-group … --subscription …`` of an Azure resource; a word in capitals where its id tells neither."""
    found = _AZURE_PLACE.fullmatch(resource_id)
    if found is None:
        return "--resource-group GROUP --subscription SUBSCRIPTION"
    return f"--resource-group {shlex.quote(found[2])} --subscription {shlex.quote(found[1])}"


def azure_part(resource_id: str, kind: str) -> str | None:
    """The name after a type in an Azure id, whatever the case: ``workspaces`` of ``…/workspaces/w/computes/c``."""
    found = re.search(f"/{kind}/([^/]+)", resource_id, re.IGNORECASE)
    return found[1] if found else None


def auto_scaling_group(subject: Machine) -> str | None:
    """The name of the AWS auto-scaling group that started it; None where no tag of AWS tells."""
    return _tag(subject, "aws:autoscaling:groupname") if subject.provider == "aws" else None


def instance_group(subject: Machine) -> tuple[str, str, str] | None:
    """Of Google's managed group that started it ``zone`` or ``region``, which one, and its name; None: none is told."""
    found = _GROUP_MANAGER.fullmatch(_tag(subject, "created-by") or "")
    return (found[1].lower().removesuffix("s"), found[2], found[3]) if found else None


def scaled_by_clock(subject: Machine) -> bool:
    """Whether its cloud sets the size of what owns it by the clock: no pool of Kubernetes has such a schedule, but for
    the auto-scaling group below one of EKS. What nothing owns may be put in a group that has."""
    owner = owner_of(subject)
    groups = ("auto_scaling_group", "instance_group", "regional_instance_group", "scale_set")
    return owner is None or owner.kind in groups or auto_scaling_group(subject) is not None


def _tag(subject: Machine, *names: str) -> str | None:
    """The first of the tags that is there and not empty; a cloud may write a tag below a path of its own."""
    for name in names:
        for key, value in subject.tags.items():
            if value and (is_called(key, name) or plain_tag_key(key).endswith("/" + name)):
                return value
    return None


def _aws(subject: Machine) -> Owner | None:
    region = f"--region {shlex.quote(subject.region or 'REGION')}"
    cluster = _tag(subject, "aws:eks:cluster-name", "eks:cluster-name", "eks:eks-cluster-name")
    pool = _tag(subject, "eks:nodegroup-name")
    group = auto_scaling_group(subject)
    drain = "drain the node first, then lower the desired size"
    if cluster and pool:
        look = f"aws eks describe-nodegroup --cluster-name {shlex.quote(cluster)} --nodegroup-name {shlex.quote(pool)}"
        return Owner(
            f"{cluster}/{pool}",
            "eks_node_group",
            pool,
            (f"{look} {region}",),
            (),
            drain,
            "the node group's launch template",
        )
    if karpenter := _tag(subject, "karpenter.sh/nodepool"):
        look = f"kubectl describe nodepool {shlex.quote(karpenter)}"
        return Owner(
            karpenter,
            "karpenter",
            karpenter,
            (look,),
            (),
            "drain the node; Karpenter removes it when it is empty",
            "the node pool",
        )
    if group:
        look = f"aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names {shlex.quote(group)} {region}"
        shrink = (
            "aws autoscaling terminate-instance-in-auto-scaling-group"
            f" --instance-id {shlex.quote(subject.resource_id.rsplit('/', 1)[-1])}"
            f" --should-decrement-desired-capacity {region}"
        )
        hint = "its minimum size has to allow one less; this ends the machine and the disks that go with it"
        return Owner(
            group,
            "auto_scaling_group",
            group,
            (look,),
            (shrink,),
            f"drain the node first; {hint}" if cluster else hint,
            "its launch template",
        )
    if cluster:
        look = f"aws eks list-nodegroups --cluster-name {shlex.quote(cluster)} {region}"
        return Owner(cluster, "eks_cluster", cluster, (look,), (), drain, "the node group's launch template")
    for tag, kind, look, hint, template in _OTHERS_OF_AWS:
        if name := _tag(subject, tag):
            return Owner(name, kind, name, (f"{look} {shlex.quote(name)} {region}",), (), hint, template)
    return None


def _databricks(subject: Machine) -> Owner | None:
    """Its clusters run on machines of the customer's own account, in any cloud, and bear its name."""
    cluster = _tag(subject, "clusterid")
    if cluster is None or (_tag(subject, "vendor") or "").lower() != "databricks":
        return None
    hint = "end the cluster or lower its workers: one stopped by hand is replaced, or fails what runs on the cluster"
    look = f"databricks clusters get {shlex.quote(cluster)}"
    name = _tag(subject, "clustername") or cluster
    return Owner(name, "databricks", cluster, (look,), (), hint, "the cluster's configuration")


def _azure(subject: Machine) -> Owner | None:
    name = azure_part(subject.resource_id, "virtualmachinescalesets")
    if name is None:
        return _flexible(subject)
    place = azure_place(subject.resource_id)
    machine = azure_part(subject.resource_id, "virtualmachines")
    pool = _AKS_POOL.fullmatch(name)
    if pool:
        return _aks(subject, name, pool[1], machine)
    look = f"az vmss show --name {shlex.quote(name)} {place}"
    if machine is None:
        return Owner(name, "scale_set", name, (look,), (), "lower its capacity", "the scale set's model")
    shrink = f"az vmss deallocate --name {shlex.quote(name)} --instance-ids {shlex.quote(machine)} {place}"
    hint = "an autoscale rule may start another"
    return Owner(name, "scale_set", name, (), (shrink,), hint, "the scale set's model")


def _flexible(subject: Machine) -> Owner | None:
    """Of a scale set whose machines have ids of their own: a listing names it."""
    listed = str((subject.life.details if subject.life else {}).get("owner") or "")
    name = azure_part(listed, "virtualmachinescalesets")
    if name is None:
        return None
    return Owner(
        name,
        "scale_set",
        name,
        (f"az vmss show --name {shlex.quote(name)} {azure_place(listed)}",),
        (f"az vm deallocate --ids {shlex.quote(subject.resource_id)}",),
        "an autoscale rule may start another",
        "the scale set's model",
    )


def _aks(subject: Machine, scale_set: str, pool: str, machine: str | None) -> Owner:
    """A pool is its cluster's: what is changed at the scale set below it is not supported, and is set back."""
    found = _AZURE_PLACE.fullmatch(subject.resource_id)
    cluster, group = _tag(subject, "aks-managed-cluster-name"), _tag(subject, "aks-managed-cluster-rg")
    where = (
        f"--cluster-name {shlex.quote(cluster or 'CLUSTER')} --resource-group {shlex.quote(group or 'GROUP')}"
        f" --subscription {shlex.quote(found[1] if found else 'SUBSCRIPTION')}"
    )
    of = f"--name {shlex.quote(pool)}"
    look = f"az aks nodepool show {of} {where}"
    ends = "this drains the node and ends it; the cluster's autoscaler may start another"
    if machine is None or not machine.isdecimal():
        return Owner(
            scale_set, "aks_pool", pool, (look,), (), "drain the node first, then lower its count", "a new node pool"
        )
    node = shlex.quote(f"{scale_set}{np.base_repr(int(machine), 36).lower():0>6}")
    shrink = f"az aks nodepool delete-machines {of} --machine-names {node} {where}"
    return Owner(scale_set, "aks_pool", pool, (look,), (shrink,), ends, "a new node pool")


def _gcp(subject: Machine) -> Owner | None:
    project, _ = gcp_place(subject)
    in_project = f"--project {shlex.quote(project)}"
    cluster = _tag(subject, "goog-k8s-cluster-name")
    if cluster or any(key.lower().rsplit("/", 1)[-1].startswith("goog-gke-") for key in subject.tags):
        pool = _tag(subject, "goog-k8s-node-pool-name", "k8s-node-pool") if cluster else None
        location = shlex.quote(_tag(subject, "goog-k8s-cluster-location") or subject.region or "LOCATION")
        look = "gcloud container clusters list " + in_project
        if cluster and pool:
            look = (
                f"gcloud container node-pools describe {shlex.quote(pool)} --cluster {shlex.quote(cluster)}"
                f" --location {location} {in_project}"
            )
        elif cluster:
            look = (
                f"gcloud container node-pools list --cluster {shlex.quote(cluster)} --location {location} {in_project}"
            )
        name = "/".join(part for part in (cluster, pool) if part) or "its GKE node pool"
        kind = "gke_pool" if pool else "gke_cluster"
        return Owner(
            name, kind, pool or name, (look,), (), "drain the node first, then lower the pool's size", "a new node pool"
        )
    if found := instance_group(subject):
        place, where, name = found
        group = shlex.quote(name)
        look = f"gcloud compute instance-groups managed describe {group} --{place} {shlex.quote(where)} {in_project}"
        return Owner(
            name,
            "instance_group" if place == "zone" else "regional_instance_group",
            name,
            (look,),
            (),
            "then delete this machine from the group",
            "its instance template",
        )
    return None
