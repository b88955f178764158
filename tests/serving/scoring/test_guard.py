import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from data.settings import load_settings
from serving.scoring.guard import Guard

TOKEN = "a token that is long enough"


def client(token: str | None, address: str = "127.0.0.1") -> TestClient:
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    app = Starlette(routes=[Route("/score", echo, methods=["POST"]), Route("/livez", lambda _: PlainTextResponse(""))])
    settings = load_settings(scoring_token=token, scoring_limit_bytes=1024)
    return TestClient(Guard(app, settings=lambda: settings), client=(address, 50000))


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_the_wrong_token_is_refused(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = client(TOKEN).post("/score", content=b"{}", headers=headers)
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_right_token_is_let_in_from_anywhere() -> None:
    answer = client(TOKEN, "203.0.113.7").post("/score", content=b"{}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("203.0.113.7", 403), ("odd", 403)])
def test_without_a_token_only_this_machine_may_ask(address: str, status: int) -> None:
    answer = client(None, address).post("/score", content=b"{}")
    assert answer.status_code == status
    assert status == 200 or "QAI_SCORING_TOKEN" in answer.json()["error"]


def test_a_proxy_on_this_machine_speaks_for_others() -> None:
    answer = client(None).post("/score", content=b"{}", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 403


def test_health_is_open() -> None:
    assert client(TOKEN, "203.0.113.7").get("/livez").status_code == 200


def test_too_much_is_refused() -> None:
    ask = client(None)
    assert ask.post("/score", content=b"x" * 1024).text == "1024"
    assert ask.post("/score", content=b"x" * 1025).status_code == 413
    assert ask.post("/score", content=iter([b"x"])).status_code == 411
