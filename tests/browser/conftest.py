"""A real browser on a real dashboard, and somebody who watches what goes wrong in it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

from aispend.cli.serving import serve
from aispend.cli.up import Steps
from aispend.settings import Dashboard, Settings
from aispend.store import open_store, server
from tests.browser import company
from tests.conftest import TEMPLATE, fresh_database
from tests.requirements import PACKAGES, browser

SECONDS = 60
_FLAGS = (
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SETTLED = (
    "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
)


@dataclass
class Served:
    """A dashboard that answers, and the settings it was started with."""

    address: str
    settings: Settings


@dataclass
class Visitor:
    """Somebody at a page; everything that goes wrong in it is noted in ``problems``."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("response", self._answered)
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda asked: self._asked(asked.url))

    def open(self) -> None:
        """Arrive at the dashboard."""
        self.page.goto(self.address)
        self.settle()

    def go(self, title: str) -> None:
        """On to a page, as people do: by the menu."""
        self.page.get_by_role("link", name=title).click()
        heading = "AI spend" if title == "Overview" else title
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        self.settle()

    def choose_currency(self, currency: str) -> None:
        """In the sidebar."""
        self.page.get_by_test_id("stSidebar").get_by_text(currency, exact=True).click()
        expect(self.page.get_by_test_id("stCaptionContainer").first).to_contain_text(f"in {currency}")
        self.settle()

    def settle(self) -> None:
        """Wait until the page has been laid out with the newest choices; no error box may be in it."""
        self.page.get_by_role("heading", level=1).wait_for()
        self.page.wait_for_function(_SETTLED)
        assert self.page.get_by_test_id("stException").count() == 0, self.text()

    def text(self) -> str:
        """What is written in the middle of the page."""
        return self.page.get_by_test_id("stMain").inner_text()

    def figure(self, title: str) -> tuple[str, ...]:
        """A figure's value and note."""
        card = self.page.get_by_test_id("stMetric").filter(has_text=title)
        return tuple(card.get_by_test_id(part).inner_text() for part in ("stMetricValue", "stMetricDelta"))

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the table with such a heading."""
        table = self.page.locator(".aispend-table table").filter(has=self.page.locator("th", has_text=heading)).first
        return [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} {message.location}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.address).netloc:
            self.problems.append(f"a request beyond this machine: {url}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser."""
    found = browser()
    if found is None:
        pytest.skip(f"no Chromium or Chrome on this machine; on Debian: apt-get install {' '.join(PACKAGES)}")
    return found


@pytest.fixture(scope="package")
def filled(chromium: str, embedded: server.EmbeddedServer, new_home: Callable[[], Path]) -> Iterator[Served]:
    """The dashboard of the hand-made company."""
    with _served(embedded, new_home(), fill=True) as served:
        yield served


@pytest.fixture(scope="package")
def empty(chromium: str, embedded: server.EmbeddedServer, new_home: Callable[[], Path]) -> Iterator[Served]:
    """The dashboard of a database without anything."""
    with _served(embedded, new_home(), fill=False) as served:
        yield served


@pytest.fixture(scope="package")
def context(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser with an empty profile."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=chromium, headless=True, args=_FLAGS
        )
        context.set_default_timeout(SECONDS * 1000)
        expect.set_options(timeout=SECONDS * 1000)
        yield context
        context.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Callable[[Served], Visitor]]:
    """Opens a new page on a dashboard; at the end nothing may have gone wrong in any."""
    visitors: list[Visitor] = []

    def arrive(served: Served) -> Visitor:
        visitors.append(Visitor(context.new_page(), served.address))
        visitors[-1].page.set_viewport_size({"width": 1440, "height": 900})
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.page.close()
    assert [problem for visitor in visitors for problem in visitor.problems] == []


@contextmanager
def _served(embedded: server.EmbeddedServer, home: Path, *, fill: bool) -> Iterator[Served]:
    with contextmanager(fresh_database)(embedded, TEMPLATE) as uri:
        settings = Settings(home=home, database_url=uri, dashboard=Dashboard(port=_free_port()))
        if fill:
            with open_store(settings, migrate=False) as store, store.engine.begin() as connection:
                company.insert(connection)
        with serve(settings, Steps()) as process:
            yield Served(process.address, settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
