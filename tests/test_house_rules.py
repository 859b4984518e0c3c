"""The test run's own guards can fail: skips in CI, the network, the environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import requirements

ROOT = Path(__file__).resolve().parents[1]


def test_in_ci_nothing_skips(tmp_path: Path) -> None:
    """A skipped test and a skipped module fail there, with their reasons."""
    skipped = "import pytest\n\ndef test_skipped():\n    pytest.skip('for no reason')\n"
    (tmp_path / "test_one.py").write_text(skipped)
    (tmp_path / "test_two.py").write_text("import pytest\n\npytest.skip('all of it', allow_module_level=True)\n")
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("AISPEND_TEST_RUN", "PYTEST_ADDOPTS")
    }
    options = [
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
        "-c",
        os.devnull,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=ROOT,
        env={**inherited, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "1 failed, 1 error" in done.stdout
    assert "for no reason" in done.stdout
    assert "all of it" in done.stdout


def test_no_test_reaches_the_network() -> None:
    """An address beyond this machine fails the test, even where errors of connections are caught."""
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"), socket.socket() as outside:
        outside.connect_ex(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as here:
        assert here.getpeername() == listening.getsockname()


def test_the_environment_is_clean() -> None:
    """No account, proxy or setting of whoever runs the tests gets in."""
    known = {"AISPEND_TEST_RUN", "AISPEND_PUBLIC_DATA", "AISPEND_SOAK"}
    strangers = [
        name
        for name in os.environ
        if name.upper().endswith("_PROXY") or name.startswith(("AISPEND_", "AWS_", "GOOGLE_", "AZURE_", "PGHOST"))
    ]

    assert set(strangers) <= known


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine that has nothing but the programs it is given, as shell scripts by name."""

    def having(**programs: str) -> None:
        for name, script in programs.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "PLACES", "")
    monkeypatch.setattr(requirements, "AZURITE_HOME", tmp_path / "azurite")
    return having


INSTALL_AZURITE = """
for last; do :; done
/bin/mkdir -p "$3/node_modules/.bin" && echo "$last" > "$3/node_modules/.bin/azurite-blob"
"""


def test_what_is_there_is_not_installed_again(
    bare: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """npm installs Azurite once; with it and a browser nothing is installed and nothing said."""
    bare(chromium="", node="", npm=INSTALL_AZURITE)
    assert requirements.main() == 0
    program = requirements.azurite()
    assert program is not None
    assert program.read_text().strip() == requirements.AZURITE
    assert "Installing" in capsys.readouterr().out

    (tmp_path / "npm").unlink()
    assert requirements.main() == 0
    assert capsys.readouterr().out == ""


def test_without_npm_or_where_it_fails_it_says_what_to_install(
    bare: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    bare(chromium="")
    assert requirements.main() == 0
    assert f"{requirements.AZURITE_HOME} {requirements.AZURITE}" in capsys.readouterr().out
    bare(node="", npm="echo no network >&2; exit 1")
    assert requirements.main() == 0
    assert "npm failed: no network" in capsys.readouterr().out


def test_without_a_package_manager_it_says_what_to_install(
    bare: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """No browser and no apt: the packages by name, and no failure."""
    assert requirements.main() == 0
    assert "apt-get install chromium fonts-dejavu-core" in capsys.readouterr().out
