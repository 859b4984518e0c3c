"""How it is started, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit
from streamlit.config import get_config_options
from streamlit.testing.v1 import AppTest

import dashboard
from aispend import cli
from aispend.settings import Dashboard
from dashboard.launch import address, command


def options(where: Dashboard) -> dict[str, str]:
    return dict(option.removeprefix("--").split("=", 1) for option in command(where)[5:])


def test_every_option_is_one_that_streamlit_knows() -> None:
    known = get_config_options()

    assert [name for name in options(Dashboard()) if name not in known] == []


def test_it_listens_where_it_is_told_and_tells_nobody() -> None:
    given = options(Dashboard(host="0.0.0.0", port=9000))

    assert (given["server.address"], given["server.port"]) == ("0.0.0.0", "9000")
    assert given["browser.gatherUsageStats"] == "false"
    assert given["logger.hideWelcomeMessage"] == "true"
    assert given["client.disableDataExport"] == "true"


@pytest.mark.parametrize(
    ("host", "opened"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501"),
        ("0.0.0.0", "http://localhost:8501"),
        ("::1", "http://[::1]:8501"),
        ("::", "http://localhost:8501"),
        ("gpu-box.example", "http://gpu-box.example:8501"),
    ],
)
def test_the_address_is_one_a_browser_opens(host: str, opened: str) -> None:
    assert address(Dashboard(host=host)) == opened


def test_a_database_that_does_not_answer_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    monkeypatch.setenv("AISPEND_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()
    app = AppTest.from_file(str(Path(dashboard.__file__).with_name("app.py")), default_timeout=90).run()

    assert not app.exception
    assert len(app.error) == 1
    assert "database" in app.error[0].value.lower()


def test_host_and_port_of_the_command_line_come_before_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said by the error of an address that no machine has: 192.0.2.0/24 is for documentation."""
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    (tmp_path / "aispend.toml").write_text('[dashboard]\nhost = "127.0.0.1"\nport = 8501\n', encoding="utf-8")

    assert cli.run(("dashboard", "--host", "192.0.2.1", "--port", "8999")) == 1
    assert "192.0.2.1:8999" in capsys.readouterr().err
