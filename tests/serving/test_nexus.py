"""Nexus shows what is kept, escapes what it shows, and lets a person decide once."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from datetime import timedelta
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from data.domain import (
    Diagnosis,
    Evidence,
    EvidenceKind,
    Feedback,
    IncidentStatus,
    PullRequest,
    PullRequestState,
    Severity,
    Verdict,
    now,
)
from data.excerpt import MetricExcerpt, Topology
from data.store import Store
from data.topology import ServiceGraph
from serving.nexus import STATIC, diff, layout, live, words
from serving.nexus.view import incident_view

INCIDENT = "INC-260302-7K3QZ"
PAGE = f"/incidents/{INCIDENT}"


class Reader(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, its ids and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["script"]:
            self.text += data

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", self.text)

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


@pytest.fixture
def incident(nexus_case: ModuleType, store: Store) -> Any:
    return nexus_case.whole_incident(store, INCIDENT)


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


class TestList:
    def test_nothing_yet_says_what_to_do(self, signed_in: TestClient) -> None:
        page = Reader(signed_in.get("/").text).words
        assert "Nothing has happened yet" in page
        assert "curl -X POST http://nexus.test/api/v1/webhooks/datadog" in page
        assert "No webhook secret is set" in page

    @pytest.mark.parametrize("host", ["a`id`", "x;rm -rf", 'x"><script>', "$(id)"])
    def test_a_host_header_does_not_reach_the_command_line(self, signed_in: TestClient, host: str) -> None:
        page = signed_in.get("/", headers={"Host": host}).text
        assert host not in page
        assert "curl -X POST http://127.0.0.1:8322/api" in page

    def test_a_line_holds_what_one_needs_to_choose(self, signed_in: TestClient, incident: Any) -> None:
        page = Reader(signed_in.get("/").text).words
        for part in ("Critical", "checkout p95 latency is above 800 ms", "Waiting for approval", "12 min", INCIDENT):
            assert part in page
        assert "Likely cause payments 72 %" in page

    def test_what_waits_for_a_person_comes_first_and_the_worst_of_it(
        self, signed_in: TestClient, nexus_case: ModuleType, store: Store
    ) -> None:
        nexus_case.open_incident(store, "INC-1", severity=Severity.critical)
        nexus_case.whole_incident(store, "INC-2", severity=Severity.medium)
        nexus_case.whole_incident(store, "INC-3", severity=Severity.high, fired_at=now() - timedelta(hours=3))
        rows = [i for i in Reader(signed_in.get("/").text).ids() if i.startswith("row-")]
        assert rows == ["row-INC-3", "row-INC-2", "row-INC-1"]

    def test_resolved_ones_are_behind_all(self, signed_in: TestClient, incident: Any, store: Store) -> None:
        store.move(INCIDENT, IncidentStatus.resolved, "the monitor recovered")
        assert "All quiet" in signed_in.get("/").text
        assert INCIDENT in signed_in.get("/?show=all").text

    def test_htmx_gets_the_list_alone(self, signed_in: TestClient, incident: Any) -> None:
        part = signed_in.get("/", headers={"HX-Request": "true"}).text
        assert INCIDENT in part
        assert "<html" not in part


class TestIncident:
    def test_three_lines_come_first(self, signed_in: TestClient, incident: Any) -> None:
        page = Reader(signed_in.get(PAGE).text).words
        order = [
            "What broke checkout p95 latency is above 800 ms. Also unwell: payments, orders",
            "Why payments pool_wait_ms rose from 3 to 910",
            "Most likely trigger: commit 9f3c2a7d1b",
            "How sure 72 % that it is payments: likely. Else ledger-db (14 %), orders (5 %)",
            "Ranked causes",
            "What else it could be",
            "Something that was not seen 9 %",
            "What could not be seen",
            "Traces could not be read",
            "How bad it is",
            "Did a change cause it?",
            "No change caused this",
            "Metrics",
            "Where it sits",
            "Proposed fix",
            "Your decision",
        ]
        places = [page.index(part) for part in order]
        assert places == sorted(places)

    def test_the_proposal_is_there_whole(self, signed_in: TestClient, incident: Any) -> None:
        page = Reader(signed_in.get(PAGE).text).words
        for part in (
            "Revert commit 9f3c2a7d1b",
            "shrank the pool",
            "Low: the commit touches one file",
            "Revert the merge commit",
            "checkout p95 is below 800 ms",
            "qai/inc-260302-7k3qz into main",
            "+ self.size = 20",
            "- self.size = 2",
        ):
            assert part in page, part

    def test_changes_stand_in_order_with_none_of_them_among_them(
        self, signed_in: TestClient, incident: Any, store: Store
    ) -> None:
        rows = incident_view(store, incident).change_rows
        assert [row.id for row in rows] == ["9f3c2a7d1b", None, "deploy-881"]
        page = Reader(signed_in.get(PAGE).text).words
        assert "Commit · 9f3c2a7d1b · payments · Robin · 9 min before the alert" in page

    def test_no_change_leads_when_it_is_the_likeliest(self, signed_in: TestClient, incident: Any, store: Store) -> None:
        diagnosis = store.latest(INCIDENT, Diagnosis)
        assert diagnosis is not None
        changes = tuple(c.model_copy(update={"probability": 0.1}) for c in diagnosis.changes)
        store.put(INCIDENT, diagnosis.model_copy(update={"changes": changes, "no_change_probability": 0.8}))
        assert "Most likely no change caused this (80 %)" in Reader(signed_in.get(PAGE).text).words
        store.put(INCIDENT, diagnosis.model_copy(update={"changes": changes, "no_change_probability": 0.3}))
        assert "It may be that no change caused this (30 %)" in Reader(signed_in.get(PAGE).text).words

    def test_no_change_says_what_speaks_for_it(self, signed_in: TestClient, incident: Any, store: Store) -> None:
        diagnosis = store.latest(INCIDENT, Diagnosis)
        assert diagnosis is not None
        said = Evidence(id="N7", kind=EvidenceKind.change, source="changes", summary="payments says a key has expired")
        more = {"evidence": (*diagnosis.evidence, said), "no_change_evidence": ("N7",)}
        store.put(INCIDENT, diagnosis.model_copy(update=more))
        page = Reader(signed_in.get(PAGE).text).words
        row = page[page.index("No change caused this") : page.index("deploy-881")]
        assert "N7 payments says a key has expired" in row

    def test_no_change_is_never_cut_from_a_long_list(self, incident: Any, store: Store) -> None:
        diagnosis = store.latest(INCIDENT, Diagnosis)
        assert diagnosis is not None
        many = tuple(diagnosis.changes[0].model_copy(update={"id": f"c{i}", "probability": 0.03}) for i in range(33))
        store.put(INCIDENT, diagnosis.model_copy(update={"changes": many, "no_change_probability": 0.01}))
        shown = incident_view(store, incident).shown_changes
        assert len(shown) == 6
        assert shown[-1].id is None

    def test_an_incident_without_anything_yet_says_so(
        self, signed_in: TestClient, nexus_case: ModuleType, store: Store
    ) -> None:
        nexus_case.open_incident(store, INCIDENT)
        page = Reader(signed_in.get(PAGE).text).words
        assert "Not known yet: the investigation is running." in page
        assert "How sure Not at all." in page
        assert "Approve" not in page
        store.move(INCIDENT, IncidentStatus.escalated, "no source could be read")
        page = Reader(signed_in.get(PAGE).text).words
        assert "Not known: nothing was investigated; the timeline says why." in page
        assert "is running" not in page

    def test_a_diagnosis_without_a_cause_blames_nothing(
        self, signed_in: TestClient, incident: Any, store: Store
    ) -> None:
        diagnosis = store.latest(INCIDENT, Diagnosis)
        assert diagnosis is not None
        empty = {"candidates": (), "changes": (), "no_change_probability": 1.0, "unseen": ()}
        store.put(INCIDENT, diagnosis.model_copy(update=empty))
        page = Reader(signed_in.get(PAGE).text).words
        assert "Nothing is known to be missing." in page
        assert "Why Not known: nothing that was seen supports a cause." in page
        assert "Most likely" not in page
        assert "Likely cause" not in Reader(signed_in.get("/").text).words

    def test_a_diagnosis_that_cannot_tell_names_no_cause(
        self, signed_in: TestClient, incident: Any, store: Store
    ) -> None:
        diagnosis = store.latest(INCIDENT, Diagnosis)
        assert diagnosis is not None
        store.put(INCIDENT, diagnosis.model_copy(update={"cannot_tell": "no candidate stands out"}))
        page = Reader(signed_in.get(PAGE).text).words
        assert "Why Cannot tell: no candidate stands out." in page
        assert "How sure Not enough to name one: " in page
        assert "The order below is the best guess." in page
        listed = Reader(signed_in.get("/").text).words
        assert "Cannot tell; perhaps" in listed
        assert "Likely cause" not in listed

    def test_without_series_or_topology_it_says_so(self, signed_in: TestClient, incident: Any, store: Store) -> None:
        page = Reader(signed_in.get(PAGE).text).words
        assert "Who calls whom is not known" not in page
        assert "No metric series were kept" not in page
        store.put(INCIDENT, Topology.of(ServiceGraph()))
        store.put(INCIDENT, MetricExcerpt(series=(), alert_at=now()))
        page = Reader(signed_in.get(PAGE).text).words
        assert "Who calls whom is not known" in page
        assert "Affected, as far as was seen: payments, orders, checkout." in page
        assert "No metric series were kept" in page

    @pytest.mark.parametrize("bad", ["INC-nope", "%00", "x" * 200, "%3Cscript%3E", "%ED%A0%80"])
    def test_no_such_incident(self, signed_in: TestClient, bad: str) -> None:
        answer = signed_in.get(f"/incidents/{bad}")
        assert answer.status_code == 404
        assert "No such incident" in answer.text
        assert "<script>" not in answer.text

    def test_ids_are_unique_and_every_field_has_a_label(self, signed_in: TestClient, incident: Any) -> None:
        page = Reader(signed_in.get(PAGE).text)
        assert len(page.ids()) == len(set(page.ids()))
        labelled = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}
        for tag, attributes in page.tags:
            if tag in {"input", "select", "textarea"} and attributes.get("type") != "hidden":
                assert attributes["id"] in labelled
        referenced = {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes}
        assert referenced <= set(page.ids())


class TestHostileContent:
    @pytest.fixture
    def page(self, signed_in: TestClient, nexus_case: ModuleType, store: Store) -> str:
        nexus_case.whole_incident(
            store,
            INCIDENT,
            text=nexus_case.HOSTILE,
            link="javascript:alert(1)",
            tags={nexus_case.HOSTILE: nexus_case.HOSTILE},
        )
        return signed_in.get(PAGE).text

    def test_nothing_of_it_becomes_markup(self, page: str, nexus_case: ModuleType) -> None:
        reader = Reader(page)
        assert '<script>alert("x")</script>' in reader.text  # shown as the text it is
        assert "{{ 7 * 7 }}" in reader.text
        assert "**bold**" in reader.text
        for tag, attributes in reader.tags:
            assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
            assert not str(attributes.get("href", "")).lower().startswith("javascript:")
            if tag == "script":
                is_file = str(attributes.get("src", "")).startswith("/nexus/static/")
                assert is_file or attributes.get("type") == "application/json"

    def test_the_list_escapes_too(self, page: str, signed_in: TestClient) -> None:
        assert "<script>alert" not in signed_in.get("/").text

    def test_the_policy_runs_only_our_own_files(self, page: str, signed_in: TestClient) -> None:
        for path in (PAGE, "/", "/login?token=x", "/incidents/none"):
            headers = signed_in.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


class TestDecision:
    def test_approve_shows_who_decided(
        self, signed_in: TestClient, incident: Any, responder: Any, store: Store
    ) -> None:
        csrf = csrf_in(signed_in.get(PAGE).text)
        answer = signed_in.post(f"{PAGE}/approve", data={"csrf": csrf})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}#decision")
        assert responder.calls == [("approve", INCIDENT, "local-admin")]
        page = Reader(signed_in.get(PAGE).text).words
        assert "Approved by local-admin" in page
        assert "Approve and merge" not in page

    def test_reject_keeps_the_reason_and_what_was_true(
        self, signed_in: TestClient, incident: Any, store: Store
    ) -> None:
        csrf = csrf_in(signed_in.get(PAGE).text)
        said = {"reason": "wrong_cause", "true_service": " ledger-db ", "true_change": "", "comment": "a\x00b <i>"}
        assert signed_in.post(f"{PAGE}/reject", data={"csrf": csrf, **said}).status_code == 303
        feedback = store.latest(INCIDENT, Feedback)
        assert feedback is not None
        assert (feedback.verdict, feedback.reason, feedback.true_service, feedback.true_change, feedback.comment) == (
            Verdict.rejected, "wrong_cause", "ledger-db", None, "ab <i>",
        )  # fmt: skip
        page = Reader(signed_in.get(PAGE).text).words
        assert "Rejected by local-admin" in page
        assert "The cause is another service. The cause was ledger-db." in page
        assert "ab <i>" in page

    def test_a_reason_is_needed(self, signed_in: TestClient, incident: Any, responder: Any) -> None:
        csrf = csrf_in(signed_in.get(PAGE).text)
        answer = signed_in.post(f"{PAGE}/reject", data={"csrf": csrf, "reason": "because"})
        assert answer.status_code == 422
        assert "Choose a reason from the list." in answer.text
        assert responder.calls == []

    def test_the_second_of_two_is_told(self, signed_in: TestClient, incident: Any, responder: Any) -> None:
        csrf = csrf_in(signed_in.get(PAGE).text)
        signed_in.post(f"{PAGE}/approve", data={"csrf": csrf})
        answer = signed_in.post(f"{PAGE}/approve", data={"csrf": csrf})
        assert answer.status_code == 409
        assert "Nothing was changed. somebody has decided already" in Reader(answer.text).words
        assert len(responder.calls) == 1

    def test_a_refusal_by_policy_is_shown(self, signed_in: TestClient, incident: Any, responder: Any) -> None:
        responder.refuse = True
        csrf = csrf_in(signed_in.get(PAGE).text)
        answer = signed_in.post(f"{PAGE}/approve", data={"csrf": csrf})
        assert answer.status_code == 403
        assert "no rule that lets you approve" in answer.text

    @pytest.mark.parametrize(
        ("csrf", "headers"),
        [
            ("", {}),
            ("0" * 64, {}),
            ("right", {"Origin": "https://evil.test"}),
            ("right", {"Sec-Fetch-Site": "cross-site"}),
        ],
    )
    @pytest.mark.parametrize("what", ["approve", "reject"])
    def test_only_our_own_form_decides(
        self, signed_in: TestClient, incident: Any, responder: Any, csrf: str, headers: dict[str, str], what: str
    ) -> None:
        token = csrf_in(signed_in.get(PAGE).text) if csrf == "right" else csrf
        answer = signed_in.post(f"{PAGE}/{what}", data={"csrf": token, "reason": "other"}, headers=headers)
        assert answer.status_code == 403
        assert responder.calls == []

    def test_strangers_decide_nothing(self, anonymous: TestClient, incident: Any, responder: Any) -> None:
        assert anonymous.post(f"{PAGE}/approve").status_code == 303
        assert responder.calls == []

    def test_what_is_over_cannot_be_decided(self, signed_in: TestClient, incident: Any, store: Store) -> None:
        store.move(INCIDENT, IncidentStatus.resolved, "the monitor recovered")
        assert "Approve and merge" not in signed_in.get(PAGE).text

    def test_a_form_beyond_the_limit_is_not_read(self, signed_in: TestClient, incident: Any) -> None:
        assert signed_in.post(f"{PAGE}/reject", data={"comment": "x" * 70_000}).status_code == 413


class TestLive:
    @staticmethod
    def stream(app: FastAPI, after: int, incident: str | None, seconds: float) -> list[str]:
        """What the stream says within a time, signed in."""

        class Page(SimpleNamespace):
            async def is_disconnected(self) -> bool:
                return False

        async def read() -> list[str]:
            said: list[str] = []
            store = app.state.services.store

            async def listen() -> None:
                async for part in live.changes(Page(app=app), store, after, incident):  # type: ignore[arg-type]
                    said.append(part)  # noqa: PERF401 -- kept when time is up

            try:
                await asyncio.wait_for(listen(), seconds)
            except TimeoutError:
                said.append("(still open)")
            return said

        return asyncio.run(read())

    @pytest.fixture
    def session(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        sessions = [object()]
        monkeypatch.setattr(live, "session_of", lambda request: sessions[0])
        monkeypatch.setattr(live, "POLL_S", 0.05)
        return sessions

    def test_one_change_tells_of_all_that_happened_since(
        self, app: FastAPI, incident: Any, store: Store, session: list[object]
    ) -> None:
        said = self.stream(app, 1, None, 0.5)
        last = store.last_seq()
        assert said[1:] == [
            f'event: change\nid: {last}\ndata: {{"incidents": ["{INCIDENT}"]}}\n\n',
            "(still open)",
        ]

    def test_another_incident_is_not_ones_own(self, app: FastAPI, incident: Any, session: list[object]) -> None:
        assert self.stream(app, 0, "INC-other", 0.4)[1:] == ["(still open)"]

    def test_silence_is_filled_with_heartbeats(
        self, app: FastAPI, session: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "HEARTBEAT_S", 0.1)
        assert self.stream(app, 0, None, 0.6).count(": still here\n\n") >= 2

    def test_it_ends_with_the_session_and_with_the_server(self, app: FastAPI, session: list[object]) -> None:
        app.state.stopping = threading.Event()
        app.state.stopping.set()
        assert len(self.stream(app, 0, None, 5)) == 1
        app.state.stopping.clear()
        session[0] = None
        assert len(self.stream(app, 0, None, 5)) == 1

    @pytest.mark.parametrize(
        ("headers", "after", "start"),
        [({"Last-Event-ID": "3"}, "1", 3), ({}, "2", 2), ({}, "", 4), ({}, "9" * 40, 4), ({}, "²", 4), ({}, "-1", 4)],
    )
    def test_where_it_starts(
        self, signed_in: TestClient, app: FastAPI, incident: Any, headers: dict[str, str], after: str, start: int
    ) -> None:
        app.state.stopping = threading.Event()
        app.state.stopping.set()  # so that the answer ends after its first words
        answer = signed_in.get("/nexus/events", params={"after": after}, headers=headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text == f"retry: 2000\n: from {start}\n\n"

    def test_of_no_such_incident(self, signed_in: TestClient) -> None:
        assert signed_in.get("/nexus/events?incident=nope").status_code == 404


class TestDiff:
    def test_lines_are_numbered_as_in_the_files(self, nexus_case: ModuleType) -> None:
        [file] = diff.files(nexus_case.DIFF)
        assert (file.path, file.added, file.removed) == ("app/pool.py", 1, 1)
        changed = [(line.sign, line.old, line.new, line.text.strip()) for line in file.lines if line.sign]
        assert changed == [("-", 12, None, "self.size = 2"), ("+", None, 12, "self.size = 20")]

    def test_removed_lines_that_look_like_headers_are_lines(self) -> None:
        text = "diff --git a/q.sql b/q.sql\n--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1 @@\n--- old comment\n+++ new\n x\n"
        [file] = diff.files(text)
        assert [(line.kind, line.text) for line in file.lines[1:]] == [
            ("removed", "-- old comment"), ("added", "++ new"), ("context", "x"),
        ]  # fmt: skip

    def test_new_deleted_renamed_and_binary_files(self) -> None:
        text = (
            "diff --git a/n.py b/n.py\nnew file mode 100644\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+a\n"
            "diff --git a/o.py b/o.py\ndeleted file mode 100644\n--- a/o.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
            "\\ No newline at end of file\n"
            "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
            "diff --git a/i.png b/i.png\nBinary files a/i.png and b/i.png differ\n"
        )
        found = {file.path: [line.text for line in file.lines if line.kind == "note"] for file in diff.files(text)}
        assert found == {
            "n.py": ["new file mode 100644"],
            "o.py": ["deleted file mode 100644", "No newline at end of file"],
            "y": ["rename from x", "rename to y"],
            "i.png": ["Binary files a/i.png and b/i.png differ"],
        }
        assert [(file.added, file.removed) for file in diff.files(text)] == [(1, 0), (0, 1), (0, 0), (0, 0)]

    @pytest.mark.parametrize("text", ["", "no diff\nat all", "@@ -1 +1 @@\n+x", "\x00\x00"])
    def test_what_is_no_diff_yields_no_file(self, text: str) -> None:
        assert diff.files(text) == ()

    def test_a_form_feed_does_not_end_a_line(self) -> None:
        [file] = diff.files("diff --git a/f b/f\n@@ -1 +1 @@\n-a\x0cb\n+c\u2028d\n")
        assert (file.removed, file.added) == (1, 1)

    def test_a_long_file_is_cut_and_says_so(self) -> None:
        [file] = diff.files("diff --git a/f b/f\n@@ -0,0 +1,9999 @@\n" + "+x\n" * 9999)
        assert file.is_cut
        assert len(file.lines) == diff.MAX_LINES


class TestLayout:
    CALLS = (("web", "shop"), ("shop", "pay"), ("web", "pay"), ("pay", "db"))

    def test_callers_stand_before_what_they_call(self) -> None:
        place = layout.positions({"web", "shop", "pay", "db", "alone"}, self.CALLS)
        assert all(place[caller][0] < place[callee][0] for caller, callee in self.CALLS)
        assert len(set(place.values())) == 5

    def test_circles_and_self_calls_do_not_hang_it(self) -> None:
        place = layout.positions({"a", "b", "c"}, [("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")])
        assert place["a"][0] == place["b"][0] < place["c"][0]
        assert len(set(place.values())) == 3

    def test_the_order_of_the_input_does_not_matter(self) -> None:
        names = ["web", "shop", "pay", "db"]
        assert layout.positions(names, self.CALLS) == layout.positions(names[::-1], self.CALLS[::-1])

    def test_no_lines_cross_where_none_need_to(self) -> None:
        place = layout.positions({"a", "b", "x", "y"}, [("a", "y"), ("b", "x")])
        assert (place["a"][1] < place["b"][1]) == (place["y"][1] < place["x"][1])

    def test_a_large_graph_keeps_what_matters_and_what_is_near(self) -> None:
        calls = [(f"s{i:03}", f"s{i + 1:03}") for i in range(200)]
        services = {name for call in calls for name in call}
        kept = layout.neighbourhood(services, calls, ["s100", "gone"], limit=5)
        assert kept == {"s098", "s099", "s100", "s101", "s102"}


class TestWords:
    @pytest.mark.parametrize(
        ("probability", "text"),
        [(0.0, "0 %"), (0.004, "< 1 %"), (0.724, "72 %"), (0.996, "> 99 %"), (1.0, "100 %")],
    )
    def test_percent_claims_no_certainty_that_is_not_there(self, probability: float, text: str) -> None:
        assert words.percent(probability) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(-5, "< 1 min"), (59, "< 1 min"), (61, "1 min"), (3600, "1 h"), (3700, "1 h 1 min"), (200_000, "2 days")],
    )
    def test_spans(self, seconds: float, text: str) -> None:
        assert words.span(seconds) == text

    def test_every_status_and_reason_has_a_word(self) -> None:
        assert all(words.status_word(status) for status in IncidentStatus)
        assert all(words.FILTERS["reason_word"](reason) for reason in words.RejectReason)

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", " javascript:x", "data:text/html,x", "//evil.test", "", None]
    )
    def test_only_web_links_are_links(self, url: str | None) -> None:
        assert words.web_link(url) == ""


def test_vendored_files_are_what_their_readme_says() -> None:
    folder = STATIC / "vendor"
    listed = dict(re.findall(r"^\| `([\w.-]+)`.*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in {".js", ".css"}
    }
    assert found == listed
    for name in ("htmx", "htmx-ext-sse", "uplot", "cytoscape"):
        assert (folder / f"LICENSE.{name}").is_file()


def test_static_files_are_served_and_named_for_their_content(anonymous: TestClient) -> None:
    page = anonymous.get("/login").text
    [sheet] = re.findall(r'href="(/nexus/static/nexus\.css\?v=[0-9a-f]{12})"', page)
    assert anonymous.get(sheet).status_code == 200


def test_the_pull_request_in_force_decides_whether_one_can_still_decide(incident: Any, store: Store) -> None:
    request = store.latest(INCIDENT, PullRequest)
    assert request is not None
    incident = store.incident(INCIDENT)
    assert incident_view(store, incident).is_waiting
    store.put(INCIDENT, request.model_copy(update={"state": PullRequestState.merged}))
    assert not incident_view(store, incident).is_waiting
