"""What a change is as Terraform: the block that declares the thing, with what becomes different in it.

Assumes
    Who writes Terraform declares what owns a machine where something does (``owners.py``), else the machine itself.
    The block's label is made from its name; in one's own files it may be another.
Method
    One table says for each sort of thing which resource and attribute hold its type, its number and its price model.
    A number nobody here knows is written as ``NOW - 1``, to be filled in.
Cases
    What Terraform's providers cannot declare (a stopped virtual machine of Azure, a job that runs) has no block: None.
Sources
    Terraform registry: hashicorp/aws, hashicorp/google, hashicorp/azurerm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from recommender.hcl import Attributes, Body, Expression, Value, resource
from recommender.owners import azure_part, owner_of
from recommender.sagemaker_actions import part_of
from recommender.subjects.machines import Machine

ONE_LESS = Expression("NOW - 1")


def times_now(factor: int) -> Expression:
    """So many for each there is now, where nobody knows how many there are."""
    return Expression(f"NOW * {factor}")


_GCP_SPOT: Body = {
    "scheduling": {
        "provisioning_model": "SPOT",
        "preemptible": True,
        "automatic_restart": False,
        "instance_termination_action": "STOP",
    }
}
_AWS_SPOT: Body = {"instance_market_options": {"market_type": "spot"}}
_AZURE_SPOT: Body = {"priority": "Spot", "eviction_policy": "Deallocate", "max_bid_price": -1}
_AKS_SPOT: Body = {"priority": "Spot", "eviction_policy": "Delete", "spot_max_price": -1}


@dataclass(frozen=True)
class _Sort:
    """Where a thing's machine type and number are declared, as ``resource.attribute`` or ``….block.attribute``.

    ``spot`` is what makes it spot, in the resource of its type; ``off`` what stops it, in a resource of its own;
    ``place`` where a single machine says its region.
    """

    type_at: str | None = None
    count_at: str | None = None
    spot: Body | None = None
    off: tuple[str, Body] | None = None
    types_listed: bool = False
    place: str | None = None


_SORTS: Mapping[str, _Sort] = {
    "eks_node_group": _Sort(
        "aws_eks_node_group.instance_types",
        "aws_eks_node_group.scaling_config.desired_size",
        {"capacity_type": "SPOT"},
        types_listed=True,
    ),
    "auto_scaling_group": _Sort(
        "aws_launch_template.instance_type", "aws_autoscaling_group.desired_capacity", _AWS_SPOT
    ),
    "aws_machine": _Sort("aws_instance.instance_type", "aws_instance.count", _AWS_SPOT, place="aws_instance.region"),
    "aws_notebook": _Sort("aws_sagemaker_notebook_instance.instance_type"),
    "aws_endpoint": _Sort(
        "aws_sagemaker_endpoint_configuration.production_variants.instance_type",
        "aws_sagemaker_endpoint_configuration.production_variants.initial_instance_count",
        off=("aws_sagemaker_endpoint", {"count": 0}),
    ),
    "gke_pool": _Sort(
        "google_container_node_pool.node_config.machine_type",
        "google_container_node_pool.node_count",
        {"node_config": {"spot": True}},
    ),
    "instance_group": _Sort(
        "google_compute_instance_template.machine_type",
        "google_compute_instance_group_manager.target_size",
        _GCP_SPOT,
    ),
    "regional_instance_group": _Sort(
        "google_compute_instance_template.machine_type",
        "google_compute_region_instance_group_manager.target_size",
        _GCP_SPOT,
    ),
    "gcp_machine": _Sort(
        "google_compute_instance.machine_type",
        "google_compute_instance.count",
        _GCP_SPOT,
        ("google_compute_instance", {"desired_status": "TERMINATED"}),
        place="google_compute_instance.zone",
    ),
    "gcp_notebook": _Sort("google_workbench_instance.gce_setup.machine_type"),
    "gcp_endpoint": _Sort(off=("google_vertex_ai_endpoint", {"count": 0})),
    "scale_set": _Sort(
        "azurerm_linux_virtual_machine_scale_set.sku",
        "azurerm_linux_virtual_machine_scale_set.instances",
        _AZURE_SPOT,
    ),
    "aks_pool": _Sort(
        "azurerm_kubernetes_cluster_node_pool.vm_size",
        "azurerm_kubernetes_cluster_node_pool.node_count",
        _AKS_SPOT,
    ),
    "azure_machine": _Sort(
        "azurerm_linux_virtual_machine.size",
        "azurerm_linux_virtual_machine.count",
        _AZURE_SPOT,
        place="azurerm_linux_virtual_machine.location",
    ),
    "azure_notebook": _Sort("azurerm_machine_learning_compute_instance.virtual_machine_size"),
    "azure_cluster": _Sort("azurerm_machine_learning_compute_cluster.vm_size", spot={"vm_priority": "LowPriority"}),
}


def resized(
    machine: Machine, instance_type: str, number: int | Expression | None = None, *, machines: int = 1
) -> str | None:
    """The block with another machine type; where ``number`` is given, of so many: in the same block if that holds both.

    ``machines`` is how many change. Two blocks of one resource and name are an error of Terraform's.
    """
    sort, name = _of(machine)
    if sort is None or sort.type_at is None:
        return None
    value: Value = [instance_type] if sort.types_listed else instance_type
    which = _of_each(machine, machines) if number is None else _of_all(machine, sort, number)
    note = "; ".join(filter(None, (f"{_was(machine)} before", which)))
    if number is None or sort.count_at is None:
        return _block(sort.type_at, name, value, note)
    (kind, *within, last), (counting, *around, count) = sort.type_at.split("."), sort.count_at.split(".")
    if kind != counting:
        return f"{_block(sort.type_at, name, value, note)}\n\n{_block(sort.count_at, name, number)}"
    if within == around:
        return resource(kind, name, _nested(within, {last: value, count: number}), note=note)
    return resource(kind, name, {**_nested(within, {last: value}), **_nested(around, {count: number})}, note=note)


def counted(machine: Machine, number: int) -> str | None:
    """The block with another number of machines."""
    sort, name = _of(machine)
    if sort is None or sort.count_at is None:
        return None
    return _block(sort.count_at, name, number, _of_all(machine, sort, number))


def stopped(machine: Machine) -> str | None:
    """The block that ends it: one less where something owns it, else its state; None where no block says so."""
    sort, name = _of(machine)
    if sort is None:
        return None
    if owner_of(machine) is not None:
        note = (
            "end this machine by the command first, or the group may end another; NOW is what it is set to, and its "
            "least size must allow one less"
        )
        return None if sort.count_at is None else _block(sort.count_at, name, ONE_LESS, note)
    if sort.off is not None:
        return resource(sort.off[0], name, sort.off[1])
    if sort is _SORTS["aws_machine"]:
        return resource("aws_ec2_instance_state", name, {"instance_id": name, "state": "stopped"})
    return None


def as_spot(machine: Machine, machines: int = 1) -> str | None:
    """The block that makes it spot, the first of so many ``machines``."""
    sort, name = _of(machine)
    if sort is None or sort.spot is None or sort.type_at is None:
        return None
    return resource(sort.type_at.split(".")[0], name, sort.spot, note=_of_each(machine, machines))


def moved(machine: Machine, region: str) -> str | None:
    """The block of the machine in another region; None where a group owns it, which is then made anew there."""
    sort, name = _of(machine)
    note = f"this replaces the machine by one in {region}: copy its image and its data first"
    if sort is None or sort.place is None or owner_of(machine) is not None:
        return None
    kind, attribute = sort.place.split(".")
    return resource(kind, name, {attribute: "ZONE" if attribute == "zone" else region}, note=note)


def stops_when_idle(machine: Machine, minutes: int) -> str | None:
    """The block of a notebook that stops by itself."""
    sort, name = _of(machine)
    if sort is _SORTS["aws_notebook"]:
        return resource("aws_sagemaker_notebook_instance", name, {"lifecycle_config_name": "AUTO_STOP"})
    if sort is _SORTS["gcp_notebook"]:
        timeout = Attributes({"idle-timeout-seconds": str(minutes * 60)})
        return resource("google_workbench_instance", name, {"gce_setup": {"metadata": timeout}})
    return None


def evidence(text: str | None) -> dict[str, Any]:
    """As the evidence of advice; nothing where there is no block."""
    return {} if text is None else {"terraform": text}


def _of(machine: Machine) -> tuple[_Sort | None, str]:
    """What sort of thing declares it, and its name."""
    short = machine.resource_id.rsplit("/", 1)[-1]
    if owner := owner_of(machine):
        return _SORTS.get(owner.kind), owner.group
    if machine.provider == "azure" and (compute := azure_part(machine.resource_id, "computes")):
        return _SORTS["azure_notebook" if machine.platform == "notebook" else "azure_cluster"], compute
    if part_of(machine.resource_id) is not None or "/nodes/" in machine.resource_id:
        return None, short
    if machine.platform == "managed_endpoint":
        return _SORTS.get(f"{machine.provider}_endpoint"), short
    if machine.platform == "notebook":
        return _SORTS.get(f"{machine.provider}_notebook"), short
    if machine.platform not in (None, "gpu_vm", "ml_cluster"):
        return None, short
    return _SORTS.get(f"{machine.provider}_machine"), short


def _of_each(machine: Machine, machines: int) -> str:
    """That the others have blocks of their own, where nothing owns them together."""
    alone = machines > 1 and owner_of(machine) is None and machine.platform != "managed_endpoint"
    return f"the first of {machines}: the same in the block of each" if alone else ""


def _of_all(machine: Machine, sort: _Sort, number: int | Expression) -> str:
    """Which block a number of machines is of, where nothing owns them: in that of one it would make more of it."""
    if owner_of(machine) is not None or sort.count_at is None or not sort.count_at.endswith(".count"):
        return ""
    return f"where one block with count declares them all; of a block for each, have {number} such blocks instead"


def _was(machine: Machine) -> str:
    return machine.instance_type or "another type"


def _block(at: str, name: str, value: Value, note: str = "") -> str:
    """A value at ``resource.attribute``, or inside nested blocks."""
    kind, *within, last = at.split(".")
    return resource(kind, name, _nested(within, {last: value}), note=note)


def _nested(within: Sequence[str], innermost: dict[str, Any]) -> dict[str, Any]:
    return reduce(lambda inner, outer: {outer: inner}, reversed(within), innermost)
