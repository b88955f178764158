"""Nexus in a real browser, over a real server: what a person does at 3 a.m., and what a phone shows."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from data.domain import Feedback, IncidentStatus
from data.settings import Settings
from data.store import Store
from serving.auth import issue_login_link
from serving.services import Services

pytestmark = pytest.mark.browser

INCIDENT = "INC-260302-7K3QZ"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _load_case() -> ModuleType:
    """Test folders are no packages (import mode importlib), so a helper module is loaded by its path."""
    path = Path(__file__).parents[1] / "serving" / "nexus_case.py"
    spec = importlib.util.spec_from_file_location("nexus_case", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


case = _load_case()


@dataclass
class Site:
    """A running application, and what it works with."""

    url: str
    store: Store
    settings: Settings
    responder: Any

    def login_link(self) -> str:
        return issue_login_link(self.settings, self.url)


@dataclass
class Visit:
    """A tab, and everything its console complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def site(tmp_path: Path, store: Store) -> Iterator[Site]:
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", webhook_secret="s3cret")  # type: ignore[call-arg, arg-type]
    responder = case.RecordingResponder(store)
    app = case.make_app(Services(settings, store, responder))
    app.state.stopping = threading.Event()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        end = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.02)
        yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", store, settings, responder)
    finally:
        app.state.stopping.set()
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "open event streams keep the server from stopping"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        path = next(
            (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None
        )
        path = path or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium is installed (Debian: apt-get install chromium; or: playwright install chromium)")
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Visit]:
    """Signed in by link and keyboard. Fails if the console complained, the content policy's refusals included."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    made = Visit(context.new_page())
    made.page.set_default_timeout(15_000)
    made.page.on("pageerror", lambda error: made.complaints.append(f"error: {error}"))
    made.page.on(
        "console", lambda said: made.complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    made.page.goto(site.login_link())
    made.page.wait_for_function("document.activeElement.textContent === 'Sign in'")  # the button takes the focus
    made.page.keyboard.press("Enter")
    made.page.wait_for_selector("h1:has-text('Incidents')")
    yield made
    context.close()
    assert made.complaints == []


def expect_live(page: Any) -> None:
    page.wait_for_selector("#live[data-state=live]")


def test_an_incident_appears_by_itself_and_moves_as_it_is_handled(visit: Visit, site: Site) -> None:
    page = visit.page
    assert "Nothing has happened yet" in page.inner_text("main")
    assert f"curl -X POST {site.url}/api/v1/webhooks/datadog" in page.inner_text("main")
    expect_live(page)
    incident = case.open_incident(site.store, INCIDENT)
    page.wait_for_selector(f"#row-{INCIDENT} >> text=Investigating")
    page.focus(f"#row-{INCIDENT}")
    case.investigate(site.store, incident)
    case.propose(site.store, incident)
    page.wait_for_selector(f"#row-{INCIDENT} >> text=Waiting for approval")
    assert "payments" in page.inner_text(f"#row-{INCIDENT} .row-cause")
    assert page.evaluate("document.activeElement.id") == f"row-{INCIDENT}"  # the list was renewed under the focus


def test_the_page_fills_in_as_the_investigation_goes(visit: Visit, site: Site) -> None:
    page = visit.page
    incident = case.open_incident(site.store, INCIDENT)
    page.goto(f"{site.url}/incidents/{INCIDENT}")
    assert "Not known yet" in page.inner_text(".verdict")
    expect_live(page)
    case.investigate(site.store, incident)
    page.wait_for_selector(".verdict >> text=72 % that it is payments")
    page.wait_for_selector(".uplot canvas")
    assert page.locator(".uplot").count() == 2
    page.wait_for_selector(".graph canvas")
    assert page.inner_text(".causes .cause h3").startswith("payments")


def test_what_one_types_survives_an_update(visit: Visit, site: Site) -> None:
    page = visit.page
    case.whole_incident(site.store, INCIDENT)
    page.goto(f"{site.url}/incidents/{INCIDENT}")
    expect_live(page)
    page.click(".reject summary")
    page.fill("#comment", "it was the database")
    page.click("#comment")
    canvas = page.query_selector(".uplot canvas")
    top = page.evaluate("document.getElementById('comment').getBoundingClientRect().top")
    site.store.note(INCIDENT, "note", "something else happened")
    page.wait_for_selector(".timeline >> text=something else happened")
    assert page.input_value("#comment") == "it was the database"
    assert page.evaluate("document.activeElement.id") == "comment"
    assert page.evaluate("document.getElementById('comment').getBoundingClientRect().top") == top
    assert canvas.evaluate("canvas => canvas.isConnected")  # drawings are kept, not drawn again


def test_approve_with_the_keyboard(visit: Visit, site: Site) -> None:
    page = visit.page
    case.whole_incident(site.store, INCIDENT)
    page.wait_for_selector(f"#row-{INCIDENT}")
    page.focus(f"#row-{INCIDENT}")
    page.keyboard.press("Enter")
    page.wait_for_selector("#approve")
    page.focus("#approve")
    outline = page.evaluate("getComputedStyle(document.getElementById('approve')).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    page.wait_for_selector("#decision >> text=Approved by local-admin")
    assert site.responder.calls == [("approve", INCIDENT, "local-admin")]
    assert site.store.incident(INCIDENT).status is IncidentStatus.merged


def test_reject_with_a_reason(visit: Visit, site: Site) -> None:
    page = visit.page
    case.whole_incident(site.store, INCIDENT)
    page.goto(f"{site.url}/incidents/{INCIDENT}")
    page.click(".reject summary")
    page.select_option("#reason", "wrong_cause")
    page.fill("#true_service", "ledger-db")
    page.click("text=Reject the proposal")
    page.wait_for_selector("#decision >> text=Rejected by local-admin")
    feedback = site.store.latest(INCIDENT, Feedback)
    assert feedback is not None
    assert (feedback.reason, feedback.true_service) == ("wrong_cause", "ledger-db")


def test_hostile_telemetry_runs_nothing(visit: Visit, site: Site) -> None:
    page = visit.page
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}"))
    case.whole_incident(site.store, INCIDENT, text=case.HOSTILE + '<img src=x onerror="alert(2)">')
    page.goto(f"{site.url}/incidents/{INCIDENT}")
    page.wait_for_selector(".uplot canvas")
    assert '<script>alert("x")</script>' in page.inner_text("h1")
    assert page.locator("main img").count() == 0
    hrefs = page.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
    assert set(hrefs) == {"http:"}


def test_a_hidden_tab_holds_no_connection_and_catches_up(visit: Visit, site: Site) -> None:
    page = visit.page
    expect_live(page)
    hide = "value => { Object.defineProperty(document, 'hidden', {value, configurable: true}); " \
           "document.dispatchEvent(new Event('visibilitychange')); }"  # fmt: skip
    page.evaluate(hide, True)
    case.open_incident(site.store, INCIDENT)
    page.wait_for_timeout(1500)  # three polls: long enough for an open stream to have told
    assert page.locator(f"#row-{INCIDENT}").count() == 0
    page.evaluate(hide, False)
    page.wait_for_selector(f"#row-{INCIDENT}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_text_is_readable(
    visit: Visit, site: Site, scheme: str, width: int
) -> None:
    page = visit.page
    long = "a-name-that-goes-on-" * 8
    case.whole_incident(site.store, INCIDENT)
    case.open_incident(site.store, "INC-2", title=long, service=long)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for path in ("/", f"/incidents/{INCIDENT}", "/incidents/INC-2", "/incidents/none", "/login?token=x"):
        visit_quietly(visit, site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, path
        assert page.evaluate(CONTRAST) == [], path
        small = page.evaluate(SMALL_TARGETS)
        assert small == [], path


def visit_quietly(visit: Visit, url: str) -> None:
    """Go there; a page that is not found makes Chromium note just that, which is no fault."""
    visit.page.goto(url)
    visit.complaints[:] = [said for said in visit.complaints if "status of 404" not in said]


# WCAG 2.2, 1.4.3: 4.5 to 1 for text, 3 to 1 for large text, against the nearest background that is painted.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!hasText || element.tagName === 'SCRIPT' || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""

# WCAG 2.2, 2.5.8: 24 by 24 for what one touches; links within a sentence are exempt.
SMALL_TARGETS = """() => [...document.querySelectorAll('button, summary, input, select, .button, .row, nav a, .back a')]
  .filter((element) => element.checkVisibility() && element.type !== 'hidden')
  .filter((element) => Math.min(element.getBoundingClientRect().width, element.getBoundingClientRect().height) < 24)
  .map((element) => element.outerHTML.slice(0, 80))"""
