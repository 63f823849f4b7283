"""The dashboard and the set-up page in Chromium: every page, both colour schemes, wide and narrow.

`make browser` runs it; it needs Chromium on PATH and `pip install playwright axe-playwright-python`. With
SCREENSHOTS=DIR each page is kept as a picture.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from reviewer.github.user_access import SignIn
from reviewer.settings import Secret
from tests.service.rig import Rig, rig
from webhooks.dashboard.mount import mount_dashboard

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make browser)")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (make browser)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (apt-get install chromium)"),
]
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, str]]:
    """A service that has reviewed three pull requests, and the address of its dashboard."""
    with rig(tmp_path_factory.mktemp("browser")) as made:
        for _ in range(3):
            made.open()
        made.work()
        app = Flask("dashboard", static_folder=None)
        github = made.simulator
        sign_in = SignIn(github.url, github.app.client_id, Secret(github.app.client_secret))
        mount_dashboard(app, made.ledger.db, sign_in, lambda: datetime.now(UTC))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        github.app.callback_url = f"{address}/dashboard/callback"
        github.state.signed_in = "octocat"
        yield made, address
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Visit:
    """A browser window that notes what goes wrong in it."""

    def __init__(self, browser: Any, width: int, scheme: str) -> None:
        self.name = f"{width}-{scheme}"
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.page.on("console", lambda said: self.note(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("requestfailed", lambda request: self.note(f"failed: {request.url}"))

    def note(self, text: str) -> None:
        self.trouble.append(text)

    def check(self) -> None:
        """Hold the page to axe, to the width of the window, and to a quiet console; keep its picture."""
        place = re.sub(r"\W+", "-", self.page.url.partition("//")[2].partition("/")[2].partition("?")[0]).strip("-")
        if folder := os.environ.get("SCREENSHOTS", ""):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{place}-{self.name}.png")
        found = axe.Axe().run(self.page).response["violations"]
        grave = [
            (row["id"], [node["html"] for node in row["nodes"]][:3]) for row in found if row["impact"] in GRAVE
        ]
        assert not grave, (self.page.url, self.name, grave)
        over = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, (self.page.url, self.name, f"{over} px too wide")
        assert not self.trouble, (self.page.url, self.name, self.trouble)


def signed_in(visit: Visit, address: str) -> None:
    visit.page.goto(f"{address}/dashboard/")
    visit.check()
    visit.page.get_by_role("link", name=re.compile("sign in", re.IGNORECASE)).first.click()
    visit.page.wait_for_url(f"{address}/dashboard/")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_readable_quiet_and_without_a_serious_violation(
    service: tuple[Rig, str], browser: Any, width: int, scheme: str
) -> None:
    _, address = service
    visit = Visit(browser, width, scheme)
    signed_in(visit, address)
    pages = visit.page.eval_on_selector_all("nav a", "links => links.map(link => link.href)")
    assert len(pages) >= 7
    for url in pages:
        visit.page.goto(url)
        visit.check()
    visit.page.goto(f"{address}/dashboard/reviews")
    visit.page.locator("main a[href*='/dashboard/reviews/']").first.click()
    visit.check()
    visit.context.close()


def test_the_keyboard_alone_reaches_the_first_review(service: tuple[Rig, str], browser: Any) -> None:
    _, address = service
    visit = Visit(browser, 1280, "light")
    signed_in(visit, address)
    visit.page.goto(f"{address}/dashboard/reviews")
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        if "/dashboard/reviews/" in str(visit.page.evaluate("document.activeElement.href || ''")):
            break
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(re.compile(r"/dashboard/reviews/\d+"))
    visit.context.close()
