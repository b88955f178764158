"""From the alert to the merged fix, as a person sees it: the real flow, a real repository, a real browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from data.domain import IncidentStatus
from data.incidents import build_shipped_repository
from serving.app import create_app
from serving.auth import issue_login_link
from serving.bootstrap import running
from serving.commands.run import outcome
from serving.demo import demo_settings, follow, post_alert
from serving.server import listen, serving

pytestmark = pytest.mark.browser

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def test_a_person_reads_approves_and_sees_it_merged(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    build_shipped_repository(tmp_path / "shop")
    settings = demo_settings(state_dir=tmp_path)
    with running(settings) as services, serving(create_app(services), listen("127.0.0.1", 0)) as url:
        key = post_alert(url, settings, "Triggered", "demo-1")
        incident_id = list(follow(services.store, key, 60))[-1].incident_id
        assert outcome(services.store, incident_id, url)["status"] == "awaiting_approval"
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 1400})
            complaints: list[str] = []
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(issue_login_link(settings, url))
            page.get_by_role("button", name="Sign in").click()
            page.goto(f"{url}/incidents/{incident_id}")
            assert "inventory" in page.locator(".verdict").inner_text()
            assert not _overlapping(page)
            page.get_by_role("button", name="Approve and merge").click()
            page.get_by_role("heading", name="Approved by local-admin").wait_for()
            page.locator(".timeline").get_by_text("is merged, approved by local-admin").wait_for(timeout=30_000)
            assert complaints == []
            browser.close()
        assert services.store.incident(incident_id).status is IncidentStatus.merged
    log = ["git", "-C", str(tmp_path / "shop"), "log", "-1", "--format=%B", "main"]
    assert incident_id in subprocess.run(log, check=True, capture_output=True, text=True).stdout


def _overlapping(page: Any) -> list[str]:
    """Cards of the main column that reach into the side column."""
    found: list[str] = page.evaluate(
        """() => {
            const side = document.querySelector('.side-column').getBoundingClientRect().left;
            return [...document.querySelectorAll('.main-column > *')]
                .filter(card => card.getBoundingClientRect().right > side)
                .map(card => card.id || card.className);
        }"""
    )
    return found
