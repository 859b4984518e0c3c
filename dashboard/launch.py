"""How the dashboard is started: Streamlit as a child process, with our theme and nothing phoning home.

The one place for its options; ``aispend up`` and ``aispend dashboard`` start :func:`command`.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

from aispend.settings import Dashboard

_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "logger.hideWelcomeMessage": "true",  # it would ask a server outside for this machine's address
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",  # its CSV turns decimals into floats; ours has every digit
    "theme.base": "light",
    "theme.primaryColor": "#1f5f8b",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f5f7f9",
    "theme.textColor": "#1c2733",
    "theme.borderColor": "#dde3e8",
    "theme.baseRadius": "small",
    "theme.headingFontSizes": "1.75rem,1.25rem,1.1rem",
    "theme.headingFontWeights": "600",
    "theme.metricValueFontSize": "1.6rem",
    "theme.paddingTop": "2.5rem",
    "theme.paddingBottom": "3rem",
}


def command(dashboard: Dashboard) -> list[str]:
    """The argument list that serves the dashboard; settings reach it through the environment."""
    app = Path(__file__).with_name("app.py")
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    listen = [f"--server.address={dashboard.host}", f"--server.port={dashboard.port}"]
    return [sys.executable, "-m", "streamlit", "run", str(app), *listen, *options]


def address(dashboard: Dashboard) -> str:
    """What a person opens; where it listens on every address of the machine, this machine's own."""
    try:
        host = ipaddress.ip_address(dashboard.host)
    except ValueError:
        return f"http://{dashboard.host}:{dashboard.port}"
    if host.is_unspecified:
        return f"http://localhost:{dashboard.port}"
    return f"http://[{host}]:{dashboard.port}" if host.version == 6 else f"http://{host}:{dashboard.port}"
