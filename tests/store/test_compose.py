"""The compose file as text: there is no Docker here to run it, so what can be read off is held."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml, parsed."""
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def test_the_services_and_their_order(compose: dict[str, Any]) -> None:
    """The tables are made once, after the database answers and before anybody reads them."""
    services = compose["services"]

    assert set(services) == {"postgres", "migrate", "dashboard"}
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["dashboard"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_whatever_runs_on_is_watched(compose: dict[str, Any]) -> None:
    """Every service but the one that ends has a health check."""
    watched = {name for name, service in compose["services"].items() if service.get("healthcheck", {}).get("test")}

    assert watched == set(compose["services"]) - {"migrate"}


def test_no_secret_and_no_open_port(compose: dict[str, Any]) -> None:
    """Passwords come from the environment, without a default; ports open on this machine only."""
    passwords = [
        value
        for service in compose["services"].values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name
    ]
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert len(passwords) == 3
    assert all(re.fullmatch(r"\$\{AISPEND_DB_PASSWORD:\?[^}]+\}", value) for value in passwords)
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert (ROOT / ".env.example").read_text().rstrip().endswith("AISPEND_DB_PASSWORD=")
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    """A name misspelt would be a compose error."""
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])}

    assert used == set(compose["volumes"])
