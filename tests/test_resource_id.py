"""Ids: every written form meets in one, in Python and in SQL alike; derived names are hints with a confidence."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.resource_id import canonical, canonical_sql, lower, measured_names, short_names, trimmed_sql

FORMS = [
    ("aws", "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0", "i-0123456789abcdef0"),
    ("aws", "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-0123456789ABCDEF0", "i-0123456789abcdef0"),
    ("aws", " i-0123456789abcdef0\n", "i-0123456789abcdef0"),
    ("aws", "aws:///us-east-1a/i-0123456789abcdef0", "i-0123456789abcdef0"),
    ("aws", "arn:aws:sagemaker:eu-west-1:1:endpoint/Chat", "arn:aws:sagemaker:eu-west-1:1:endpoint/Chat"),
    ("aws", "arn:aws:ec2:us-east-1:1:volume/vol-0a", "arn:aws:ec2:us-east-1:1:volume/vol-0a"),
    ("gcp", "//compute.googleapis.com/projects/p/zones/z/instances/n", "projects/p/zones/z/instances/n"),
    ("gcp", "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/n/", "projects/p/zones/z/instances/n"),
    ("gcp", "projects/p/zones/z/instances/n", "projects/p/zones/z/instances/n"),
    ("gcp", "/projects/p/zones/z/instances/n", "projects/p/zones/z/instances/n"),
    ("gcp", "gce://p/z/n", "projects/p/zones/z/instances/n"),
    (
        "gcp",
        "//aiplatform.googleapis.com/projects/1/locations/us-central1/endpoints/2",
        "projects/1/locations/us-central1/endpoints/2",
    ),
    ("gcp", "folders/projects/x", "folders/projects/x"),
    (
        "azure",
        "/subscriptions/1CAA/resourceGroups/AI/providers/Microsoft.Compute/virtualMachines/GPU1/",
        "/subscriptions/1caa/resourcegroups/ai/providers/microsoft.compute/virtualmachines/gpu1",
    ),
    (
        "azure",
        "azure:///subscriptions/1/resourceGroups/ai/providers/Microsoft.Compute/virtualMachines/g",
        "/subscriptions/1/resourcegroups/ai/providers/microsoft.compute/virtualmachines/g",
    ),
    (
        "azure",
        "https://management.azure.com/subscriptions/1/resourceGroups/BÜRO",
        "/subscriptions/1/resourcegroups/büro",
    ),
    ("azure", "subscriptions/1/resourceGroups/a", "/subscriptions/1/resourcegroups/a"),
    ("oci", " ocid1.instance.OC1 ", "ocid1.instance.OC1"),
    ("aws", "", ""),
]


@pytest.fixture(scope="module")
def engine():
    connection = duckdb.connect()
    yield connection
    connection.close()


def in_sql(engine: duckdb.DuckDBPyConnection, provider: str, ids: Sequence[str | None]) -> list[str | None]:
    written = "SELECT $1::VARCHAR AS p, unnest($2::VARCHAR[]) AS i"
    query = f"SELECT {canonical_sql('p', 'i')} FROM (SELECT p, {trimmed_sql('i')} AS i FROM ({written}))"
    return [row[0] for row in engine.execute(query, [provider, list(ids)]).fetchall()]


@pytest.mark.parametrize(("provider", "written", "expected"), FORMS)
def test_every_form_meets_in_one_id(engine, provider: str, written: str, expected: str) -> None:
    assert canonical(provider, written) == expected
    assert in_sql(engine, provider, [written]) == [expected]


def test_unknown_id_stays_unknown(engine) -> None:
    assert in_sql(engine, "aws", [None]) == [None]


pieces = st.sampled_from(
    ["arn:aws:ec2:r:1:instance/", "i-0a", "/", "//", "projects/", "/projects/", "https://x", "gce://", "aws:///z/",
     "azure://", "subscriptions/", "/Subscriptions/", "providers/", "p", "Σς", "İ", "\n", " ", "'", ":", "zones/z/"]
)  # fmt: skip
ids = st.one_of(
    st.lists(pieces, max_size=7).map("".join),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
)


@given(provider=st.sampled_from(["aws", "gcp", "azure", "oci"]), written=st.lists(ids, min_size=1, max_size=20))
def test_sql_agrees_with_python_and_canonical_ids_stay(engine, provider: str, written: list[str]) -> None:
    once = [canonical(provider, resource_id) for resource_id in written]

    assert in_sql(engine, provider, written) == once
    assert [canonical(provider, resource_id) for resource_id in once] == once


@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_lower_is_the_lower_of_the_engine(engine, texts: list[str]) -> None:
    assert engine.execute("SELECT lower(unnest($1::VARCHAR[]))", [texts]).fetchall() == [(lower(t),) for t in texts]


def names(provider: str, resource_id: str, name: str | None = None) -> dict[str, float]:
    return {item.alias: item.confidence for item in short_names(provider, resource_id, name)}


def test_short_names_of_an_ec2_instance_are_its_private_host_name() -> None:
    assert names("aws", "i-0ab", "ip-10-0-0-1.ec2.internal") == {
        "ip-10-0-0-1.ec2.internal": 0.9,
        "ip-10-0-0-1": 0.6,
        "10.0.0.1": 0.6,
    }
    assert names("aws", "i-0ab", "10.0.0.1") == {"10.0.0.1": 0.9, "ip-10-0-0-1": 0.6}


def test_short_names_of_an_arn() -> None:
    assert names("aws", "arn:aws:sagemaker:eu-west-1:1:endpoint/Chat") == {"chat": 0.9, "endpoint/chat": 0.9}


def test_short_names_of_a_gce_instance() -> None:
    assert names("gcp", "projects/p/zones/z/instances/gpu-1") == {
        "gpu-1.z.c.p.internal": 0.95,
        "gpu-1.c.p.internal": 0.95,
        "gpu-1": 0.9,
        "instances/gpu-1": 0.9,
    }


def test_short_names_of_a_scale_set_member_are_its_host_name_and_never_its_bare_number() -> None:
    group = "/subscriptions/1/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/aks-np-1-vmss"

    assert names("azure", f"{group}/virtualmachines/37") == {"aks-np-1-vmss_37": 0.9, "aks-np-1-vmss000011": 0.9}


def test_measured_names_drop_port_and_domain() -> None:
    found = [item.alias for item in measured_names("GPU1.example.com:9400")]

    assert found == ["gpu1.example.com:9400", "gpu1.example.com", "gpu1"]


def test_measured_names_know_full_ids() -> None:
    assert measured_names("arn:aws:ec2:us-east-1:1:instance/i-0ab")[0].confidence == 1.0
    assert "i-0ab" in [item.alias for item in measured_names("arn:aws:ec2:us-east-1:1:instance/i-0ab")]
