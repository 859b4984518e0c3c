"""Bills from Azurite, Microsoft's own emulator of Blob storage: what our small server says, another one says too."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient, ContainerClient, PublicAccess
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.blobs import download, folders, listed
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from tests.azure.exports import Container, focus
from tests.requirements import AZURITE, azurite

SECONDS = 90
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of Azurite's one account, which its documentation gives."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite, serving from memory; its address."""
    program = azurite()
    if program is None:
        pytest.skip(f"no Azurite here: python tests/requirements.py installs {AZURITE} where there is npm")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    flags = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([str(program), *where, *flags], cwd=tmp_path_factory.mktemp("azurite"), **quiet)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}/devstoreaccount1"
    finally:
        server.terminate()
        server.wait(SECONDS)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("Azurite does not answer")


@pytest.fixture
def container(account: str, request: pytest.FixtureRequest) -> ContainerClient:
    """A container of the test's own that may be read without a key, as everything on this machine is."""
    name = request.node.name.replace("_", "-").lower()[:60].strip("-")
    service = BlobServiceClient(account, credential={"account_name": "devstoreaccount1", "account_key": KEY})
    return service.create_container(name, public_access=PublicAccess.CONTAINER)


def upload(container: ContainerClient, root: Path) -> None:
    """A folder's files, manifests last; what is there already stays."""
    there = set(container.list_blob_names())
    files = sorted((path for path in root.rglob("*") if path.is_file()), key=lambda path: path.name == "manifest.json")
    for path in files:
        name = path.relative_to(root).as_posix()
        if name not in there:
            container.upload_blob(name, path.read_bytes())


def test_a_month_is_collected_left_alone_and_replaced(
    container: ContainerClient,
    account: str,
    connect: Callable[..., AzureClients],
    tmp_path: Path,
    clock: Clock,
    run: Callable[..., SourceReport],
    database: Store,
) -> None:
    export = {"account_url": account, "container": container.container_name, "root": "cost", "name": "focus"}

    def bills() -> Bills:
        return Bills(connect(export=[export]), clock)

    def billed() -> Any:
        with database.engine.connect() as connection:
            return connection.scalar(text("SELECT sum(billed_cost) FROM charge"))

    made = Container(tmp_path / "bills")
    made.run("2026-11", [focus("2026-11", "1.25")] * 40, [focus("2026-11", "2.5")], form="parquet")
    upload(container, made.root)
    first = run(bills())
    assert (first.error, first.loaded, billed()) == (None, 1, 52.5), first.slices
    assert first.requests["blob.GetBlob"] == 3

    again = run(bills())
    assert (again.loaded, again.requests) == (0, {"blob.ListBlobs": 2})

    made.run("2026-11", [focus("2026-11", "9")], form="parquet", keep=True)
    upload(container, made.root)
    assert (run(bills()).loaded, billed()) == (1, 9)


def test_a_file_of_many_pieces_is_whole_and_of_one_version(
    container: ContainerClient, account: str, connect: Callable[..., AzureClients], tmp_path: Path
) -> None:
    """More than the 32 MiB that come in one request, then replaced behind the reader's back."""
    whole = bytes(range(256)) * (140 << 10)
    container.upload_blob("a/b/big.csv", whole)
    reader = connect().container(account, container.container_name)
    assert folders(reader, "a/") == ["b"]
    (big,) = listed(reader, "a/b/")
    assert big.size == len(whole)
    download(reader, big, tmp_path / "big.csv", progress=None)
    assert (tmp_path / "big.csv").read_bytes() == whole

    container.upload_blob("a/b/big.csv", b"another", overwrite=True)
    from aispend.errors import NotReadyError

    with pytest.raises(NotReadyError, match="replaced"):
        download(reader, big, tmp_path / "big.csv", progress=None)


def test_a_container_without_permission_is_an_error_of_the_sdk(
    account: str, connect: Callable[..., AzureClients], container: ContainerClient
) -> None:
    container.set_container_access_policy({}, public_access=None)
    reader = connect().container(account, container.container_name)
    with pytest.raises(AzureError):
        listed(reader, "")
