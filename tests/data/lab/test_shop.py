"""The shop for real: processes on loopback, HTTP between them, SQLite behind inventory, git underneath."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from data.domain import now
from data.errors import ActionError
from data.lab import tape
from data.lab.history import BASE, GUILTY
from data.lab.load import send
from data.lab.repository import build_repository, git
from data.lab.shop import GATEWAY, SERVICES, Shop

SKUS = [f"SKU-{number:04d}" for number in range(6)]


class Lab(NamedTuple):
    shop: Shop
    repository: Path
    ids: dict[str, str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    ids = build_repository(folder / "repository", datetime(2026, 5, 4, tzinfo=UTC))
    with Shop(folder / "repository", folder, scrape_interval_s=0.5) as shop:
        shop.start(ids[BASE])
        yield Lab(shop, folder / "repository", ids)


def order(shop: Shop, session: str) -> Any:
    """Fill a basket and buy it. The gateway declines a card now and then, as gateways do; another try may pass."""
    url = shop.url("storefront")
    send(url, "POST", f"/basket/{session}", {"lines": [{"sku": sku, "units": 1} for sku in SKUS]})
    for _ in range(5):
        try:
            return send(url, "POST", f"/checkout/{session}", {"card": "tok_test"})
        except urllib.error.HTTPError as error:
            if error.code != 402:
                raise
    pytest.fail("five cards in a row were declined")


def reserve(shop: Shop, reference: str, units: int = 1) -> Any:
    lines = [{"sku": sku, "units": units} for sku in SKUS]
    return send(shop.url("inventory"), "POST", "/reservations", {"order": reference, "lines": lines})


def queries_per_request(shop: Shop) -> float:
    """What inventory's own metric says while nothing but six-line reservations come in."""
    since = now()
    for attempt in range(200):
        reserve(shop, f"probe-{attempt}")
        metrics = tape.read_metrics(shop.telemetry, since, "inventory")
        columns = [i for i, key in enumerate(metrics.keys) if key.metric == "db_client_queries_per_request"]
        # The first sample's interval began before ``since``, and may hold other requests.
        if columns and np.isfinite(metrics.values[:, columns[0]]).sum() >= 2:
            return float(metrics.values[-1, columns[0]])
        time.sleep(0.02)
    pytest.fail("inventory reported no queries")


def test_every_service_answers(lab: Lab) -> None:
    url = lab.shop.url
    assert len(send(url("storefront"), "GET", "/?category=books")["products"]) == 50
    assert send(url("storefront"), "GET", "/products/SKU-0007")["available"] is True
    assert send(url("catalogue"), "GET", "/products/SKU-0007")["sku"] == "SKU-0007"
    assert send(url("inventory"), "GET", "/stock/SKU-0007")["units"] > 0
    assert send(url("cart"), "POST", "/carts/abc", {"lines": [{"sku": "SKU-0007", "units": 2}]}) == {"lines": 1}
    assert send(url("cart"), "GET", "/carts/abc")["lines"][0]["units"] == 2
    charge = {"reference": "1", "card": "tok", "amount": 5, "currency": "EUR"}
    assert send(url(GATEWAY), "POST", "/v1/charges", charge)["status"] in {"captured", "declined"}


def test_an_order_goes_through_every_service_as_one_trace(lab: Lab) -> None:
    since = now()
    receipt = order(lab.shop, "trace1")
    assert receipt["cents"] == sum(send(lab.shop.url("catalogue"), "GET", f"/products/{s}")["cents"] for s in SKUS)
    assert send(lab.shop.url("cart"), "GET", "/carts/trace1")["lines"] == []
    time.sleep(0.05)  # a span is written just after its answer is sent
    spans = tape.read_spans(lab.shop.telemetry, since)
    root = spans[(spans["operation"] == "POST /checkout/{session}") & spans["parent_id"].isna()].iloc[-1]
    trace = spans[spans["trace_id"] == root["trace_id"]]
    assert {"storefront", "checkout", "cart", "inventory", "payment"} == {*trace["service"]}
    assert {*trace["parent_id"].dropna()} <= {*trace["span_id"]}
    assert trace["duration_ms"].max() == root["duration_ms"]
    assert {("storefront", "checkout"), ("checkout", "inventory"), ("payment", GATEWAY)} <= {
        *tape.call_graph(spans).edges
    }


def test_buying_takes_stock_and_too_much_is_refused(lab: Lab) -> None:
    def held() -> int:
        return int(send(lab.shop.url("inventory"), "GET", f"/stock/{SKUS[0]}")["units"])

    before = held()
    reserve(lab.shop, "three", units=3)
    assert held() == before - 3
    with pytest.raises(urllib.error.HTTPError) as refused:
        reserve(lab.shop, "greedy", units=10**6)
    assert refused.value.code == 409
    assert held() == before - 3


def test_an_empty_basket_cannot_be_bought(lab: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        send(lab.shop.url("storefront"), "POST", "/checkout/nothing", {"card": "tok"})
    assert refused.value.code == 400


def test_metrics_share_one_clock(lab: Lab) -> None:
    order(lab.shop, "clock1")
    time.sleep(1.2)
    metrics = tape.read_metrics(lab.shop.telemetry, datetime(2026, 1, 1, tzinfo=UTC))
    assert {*metrics.services} == {*SERVICES}
    steps = np.diff(metrics.timestamps).astype("timedelta64[ms]").astype(int)
    assert {int(step) % 500 for step in steps} == {0}


def test_the_guilty_commit_multiplies_queries_and_its_revert_undoes_that(lab: Lab) -> None:
    # One to read six lines and one to book them. A request that straddles a sample's edge blurs the ratio a little.
    assert queries_per_request(lab.shop) == pytest.approx(2, rel=0.15)
    deploy = lab.shop.deploy("inventory", lab.ids["inventory-log-reservations"])
    assert (deploy.removed_instance, deploy.instance) == ("inventory-1", "inventory-2")
    assert queries_per_request(lab.shop) == pytest.approx(len(SKUS) + 1, rel=0.15)
    author = ("-c", "user.name=Test", "-c", "user.email=test@shop.example")
    git(lab.repository, *author, "revert", "--no-edit", lab.ids[GUILTY])
    lab.shop.deploy("inventory", git(lab.repository, "rev-parse", "HEAD").strip())
    assert queries_per_request(lab.shop) == pytest.approx(2, rel=0.15)
    assert order(lab.shop, "fixed1")["cents"] > 0


def test_a_service_that_cannot_start_says_why(lab: Lab, tmp_path: Path) -> None:
    repository = tmp_path / "broken"
    build_repository(repository, datetime(2026, 5, 4, tzinfo=UTC))
    (repository / "cart" / "app.py").write_text("raise RuntimeError('no shelf for baskets')\n")
    git(repository, "-c", "user.name=T", "-c", "user.email=t@shop.example", "commit", "--quiet", "-am", "break cart")
    with Shop(repository, tmp_path) as shop, pytest.raises(ActionError, match="no shelf for baskets"):
        shop.start(git(repository, "rev-parse", "HEAD").strip(), ["cart"])


def test_stopping_leaves_nobody_listening(tmp_path: Path) -> None:
    ids = build_repository(tmp_path / "repository", datetime(2026, 5, 4, tzinfo=UTC))
    with Shop(tmp_path / "repository", tmp_path) as shop:
        shop.start(ids[BASE], ["catalogue"])
        assert send(shop.url("catalogue"), "GET", "/products/SKU-0001")["cents"] > 0
    with pytest.raises(urllib.error.URLError):
        send(shop.url("catalogue"), "GET", "/products/SKU-0001")
