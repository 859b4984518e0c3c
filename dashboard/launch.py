"""How the dashboard is started: Streamlit as a child process, with our theme and nothing phoning home."""

from __future__ import annotations

import sys
from pathlib import Path

from aispend.settings import Dashboard

_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showSidebarNavigation": "true",
    "theme.base": "light",
    "theme.primaryColor": "#1f5f8b",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f5f7f9",
    "theme.textColor": "#1c2733",
    "theme.baseRadius": "small",
}


def command(dashboard: Dashboard) -> list[str]:
    """The argument list that serves the dashboard; settings reach it through the environment."""
    app = Path(__file__).with_name("app.py")
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    address = [f"--server.address={dashboard.host}", f"--server.port={dashboard.port}"]
    return [sys.executable, "-m", "streamlit", "run", str(app), *address, *options]


def address(dashboard: Dashboard) -> str:
    """What a person opens."""
    return f"http://{dashboard.host}:{dashboard.port}"
