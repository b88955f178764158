import pytest

from models.logs.requests import request_path
from models.logs.trends import Trend, trend_of


@pytest.mark.parametrize(
    ("before", "since", "trend"),
    [
        (0, 1, Trend.new),
        (100, 25, Trend.steady),
        (100, 80, Trend.surging),
        (100, 0, Trend.vanished),
        (4, 0, Trend.steady),
        (100, 10, Trend.steady),
    ],
)
def test_counts_are_held_against_the_rate_before(before: int, since: int, trend: Trend) -> None:
    assert trend_of(before, since, exposure=0.25) is trend


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('1.2.3.4 - - "GET /v1/orders/4711?full=1 HTTP/1.1" 200', "/v1/orders/<*>"),
        ("POST https://shop.example/carts/9f86d081884c7d65/items", "/carts/<*>/items"),
        ("nothing asked", None),
    ],
)
def test_paths_are_told_without_their_ids(line: str, path: str | None) -> None:
    assert request_path(line) == path
