"""Baskets, one file each, so that a restart loses none."""

from common import environment, server
from common.client import call
from common.errors import HttpError

from cart.baskets import Baskets

MAX_LINES = 30

baskets = Baskets(environment.volume())


@server.route("GET", "/carts/{session}")
def read(session, query, body):
    lines = baskets.lines(session)
    return {"lines": lines, "cents": sum(line["units"] * line["cents"] for line in lines)}


@server.route("POST", "/carts/{session}")
def add(session, query, body):
    """Add lines ``{"sku", "units"}``; each is priced by the catalogue."""
    prices = call("catalogue", "POST", "/prices", {"skus": [line["sku"] for line in body["lines"]]})
    priced = [{**line, "cents": prices[line["sku"]]} for line in body["lines"]]
    if len(baskets.lines(session)) + len(priced) > MAX_LINES:
        raise HttpError(400, f"a basket holds at most {MAX_LINES} lines")
    return {"lines": baskets.add(session, priced)}


@server.route("DELETE", "/carts/{session}")
def empty(session, query, body):
    baskets.remove(session)
    return {}


if __name__ == "__main__":
    server.serve()
