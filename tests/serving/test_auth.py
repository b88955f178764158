"""Login links are spent once, sessions end, and nothing is written for another site's pages."""

from __future__ import annotations

import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from data import audit
from data.settings import Settings
from data.store import Store
from serving import auth, sessions
from serving.auth import issue_login_link, local_path, token_in
from serving.sessions import Sessions

BASE = "http://nexus.test"


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


@pytest.fixture
def keeper(settings: Settings) -> Sessions:
    return Sessions(settings.state_dir, timedelta(hours=1))


class TestLinks:
    def test_opening_the_link_spends_nothing_and_pressing_the_button_spends_it(
        self, anonymous: TestClient, settings: Settings
    ) -> None:
        link = issue_login_link(settings, BASE)
        path = link.removeprefix(BASE)
        for _ in range(3):  # a chat client's preview, and its cache's
            page = anonymous.get(path)
            assert page.status_code == 200
            assert "set-cookie" not in page.headers
        first = anonymous.post("/login", data={"token": token_of(link)})
        assert (first.status_code, first.headers["location"]) == (303, "/")
        anonymous.cookies.clear()
        second = anonymous.post("/login", data={"token": token_of(link)})
        assert second.status_code == 403
        assert "used already" in second.text
        assert "set-cookie" not in second.headers

    def test_of_requests_at_the_same_time_exactly_one_gets_in(self, keeper: Sessions) -> None:
        for _ in range(20):
            token, won = keeper.issue("ada"), []
            barrier = threading.Barrier(8)

            def redeem(token: str = token, won: list[object] = won, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                if keeper.redeem(token) is not None:
                    won.append(1)

            threads = [threading.Thread(target=redeem) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(won) == 1

    def test_a_link_expires(self, keeper: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
        token, start = keeper.issue("ada"), sessions.now()
        monkeypatch.setattr(sessions, "now", lambda: start + timedelta(minutes=15, seconds=1))
        assert keeper.redeem(token) is None

    def test_the_token_itself_is_not_stored_and_only_the_owner_may_read_the_keys(
        self, keeper: Sessions, settings: Settings
    ) -> None:
        token = keeper.issue("ada")
        keeper.seal(sessions.Session("id", "ada"))
        files = [path for path in settings.state_dir.rglob("*") if path.is_file()]
        assert len(files) == 2
        for path in files:
            assert token not in path.name
            assert token.encode() not in path.read_bytes()
            if os.name == "posix":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "token", ["", "x", "../../keys/session.key", "\x00" * 43, "é" * 43, "a" * 43, "a" * 10_000]
    )
    def test_what_is_no_token_gets_nobody_in(self, anonymous: TestClient, token: str) -> None:
        assert anonymous.post("/login", data={"token": token}).status_code == 403

    def test_a_whole_link_can_be_pasted(self, anonymous: TestClient, settings: Settings) -> None:
        link = issue_login_link(settings, BASE)
        assert anonymous.post("/login", data={"token": f"  {link}\n"}).status_code == 303

    def test_pasted_text_that_is_no_url_is_no_token(self) -> None:
        assert token_in("http://[::token=1") == ""

    def test_the_name_given_with_the_link_is_who_the_audit_log_names(
        self, anonymous: TestClient, settings: Settings, store: Store
    ) -> None:
        link = issue_login_link(settings, BASE, name="ada\n<b>")
        anonymous.post("/login", data={"token": token_of(link)})
        assert [(entry.actor, entry.action) for entry in audit.entries(store.engine)] == [("adab", "signed_in")]


class TestSessions:
    def test_pages_ask_strangers_to_sign_in_and_the_api_answers_401(self, anonymous: TestClient) -> None:
        page = anonymous.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        page = anonymous.get("/incidents/INC-1")
        assert page.headers["location"] == "/login?next=%2Fincidents%2FINC-1"
        assert anonymous.get("/api/v1/incidents").status_code == 401
        part = anonymous.get("/", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login")
        assert anonymous.get("/nexus/events", headers={"Accept": "text/event-stream"}).status_code == 401

    def test_the_login_page_says_how_to_get_a_link(self, anonymous: TestClient) -> None:
        page = anonymous.get("/login")
        assert "qai-sre login" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]

    def test_after_signing_in_one_lands_where_one_was_going(self, anonymous: TestClient, settings: Settings) -> None:
        token = token_of(issue_login_link(settings, BASE))
        answer = anonymous.post("/login", data={"token": token, "next": "/incidents/INC-1"})
        assert answer.headers["location"] == "/incidents/INC-1"

    @pytest.mark.parametrize(
        "target", ["//evil.test", "https://evil.test", "/\\evil.test", "\\/evil.test", "/a\r\nSet-Cookie: x", "", "/é"]
    )
    def test_nobody_is_sent_to_another_site(self, target: str) -> None:
        assert local_path(target) == "/"

    def test_the_cookie_is_kept_from_scripts_and_other_sites(self, app: FastAPI, settings: Settings) -> None:
        for base, name, is_secure in ((BASE, "qai_session", False), ("https://nexus.test", "__Host-qai_session", True)):
            with TestClient(app, base_url=base, follow_redirects=False) as client:
                token = token_of(issue_login_link(settings, base))
                cookie = client.post("/login", data={"token": token}).headers["set-cookie"]
            assert cookie.startswith(f"{name}=")
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert "Max-Age=43200" in cookie
            assert ("Secure" in cookie) is is_secure

    def test_a_session_opens_the_api_until_signed_out_even_for_a_copied_cookie(self, signed_in: TestClient) -> None:
        assert signed_in.get("/api/v1/incidents").status_code == 200
        copied = dict(signed_in.cookies)
        csrf = signed_in.get("/").text.split('name="csrf" value="')[1].split('"')[0]
        assert signed_in.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
        assert signed_in.get("/api/v1/incidents").status_code == 401
        signed_in.cookies.update(copied)
        assert signed_in.get("/api/v1/incidents").status_code == 401

    def test_signing_out_needs_the_forms_token(self, signed_in: TestClient) -> None:
        assert signed_in.post("/logout", data={"csrf": "0" * 64}).status_code == 403
        assert signed_in.post("/logout", data={"csrf": "é"}).status_code == 403
        assert signed_in.get("/api/v1/incidents").status_code == 200

    @pytest.mark.parametrize("cookie", ["x", "a.b.c", "W10.aaaa.bbbb", "\x7f"])
    def test_a_forged_cookie_is_nobody(self, anonymous: TestClient, cookie: str) -> None:
        anonymous.cookies.set("qai_session", cookie)
        assert anonymous.get("/api/v1/incidents").status_code == 401

    def test_a_session_expires(self, tmp_path: Path) -> None:
        keeper = Sessions(tmp_path, timedelta(seconds=-2))
        assert keeper.open(keeper.seal(sessions.Session("id", "ada"))) is None

    def test_a_key_of_another_installation_opens_nothing(self, tmp_path: Path) -> None:
        ours, theirs = (Sessions(tmp_path / name, timedelta(hours=1)) for name in ("a", "b"))
        cookie = ours.seal(sessions.Session("id", "ada"))
        assert ours.open(cookie) == sessions.Session("id", "ada")
        assert theirs.open(cookie) is None

    def test_processes_starting_together_agree_on_one_key(self, tmp_path: Path) -> None:
        keepers = [Sessions(tmp_path, timedelta(hours=1)) for _ in range(8)]
        cookies: list[str] = []
        threads = [
            threading.Thread(target=lambda k=k: cookies.append(k.seal(sessions.Session("id", "ada")))) for k in keepers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(keepers[0].open(cookie) is not None for cookie in cookies)
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["session.key"]


class TestBearerToken:
    def test_the_right_token_is_the_api_itself(self, script: TestClient) -> None:
        assert script.get("/api/v1/incidents").status_code == 200

    @pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "", "Bearer \xe9"])
    def test_any_other_is_refused(self, anonymous: TestClient, header: str) -> None:
        answer = anonymous.get("/api/v1/incidents", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"

    def test_no_token_configured_means_none_is_right(self, tmp_path: Path) -> None:
        keeper = auth.Gate(Settings(_env_file=None, state_dir=tmp_path, api_token=""))  # type: ignore[call-arg, arg-type]
        assert not keeper.is_api_token("")
        assert not keeper.is_api_token("None")


class TestOtherSites:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.test"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
        ],
    )
    def test_a_cookie_from_elsewhere_changes_nothing(self, signed_in: TestClient, headers: dict[str, str]) -> None:
        assert signed_in.post("/api/v1/incidents/INC-1/approve", headers=headers).status_code == 403

    def test_a_cookie_without_a_word_of_where_from_changes_nothing(self, signed_in: TestClient) -> None:
        del signed_in.headers["Origin"]
        assert signed_in.post("/api/v1/incidents/INC-1/approve").status_code == 403

    def test_the_token_needs_no_origin(self, script: TestClient) -> None:
        assert script.post("/api/v1/incidents/INC-1/approve").status_code == 404

    def test_behind_a_proxy_the_public_url_is_ours(self, app: FastAPI, settings: Settings) -> None:
        app.state.gate = auth.Gate(settings.model_copy(update={"public_url": "https://sre.test/nexus"}))
        with TestClient(app, base_url="http://10.0.0.1:8322", follow_redirects=False) as client:
            client.post("/login", data={"token": token_of(issue_login_link(settings, BASE))})
            client.headers["Origin"] = "https://sre.test"
            assert client.post("/api/v1/incidents/INC-1/approve").status_code == 404

    def test_another_site_cannot_sign_a_browser_in(self, anonymous: TestClient, settings: Settings) -> None:
        token = token_of(issue_login_link(settings, BASE))
        answer = anonymous.post("/login", data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
        assert anonymous.post("/login", data={"token": token}).status_code == 303  # and the link is not spent


class TestRateLimit:
    def test_ten_failures_a_minute(self, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [1000.0]
        monkeypatch.setattr(auth.time, "monotonic", lambda: clock[0])
        answers = [anonymous.post("/login", data={"token": "x"}).status_code for _ in range(12)]
        assert answers == [403] * 10 + [429] * 2
        clock[0] += 61
        assert anonymous.post("/login", data={"token": "x"}).status_code == 403

    def test_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(auth, "_ADDRESSES_REMEMBERED", 100)
        failures = auth.Failures()
        for i in range(1000):
            failures.add(f"10.0.{i // 256}.{i % 256}")
        assert len(failures._times) <= 100
