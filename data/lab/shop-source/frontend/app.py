"""Customers' pages. Everything a customer does enters the shop here."""

from common import server, telemetry
from common.client import call
from common.errors import HttpError

FREE_DELIVERY_CENTS = 5000


@server.route("GET", "/")
def browse(query, body):
    """The products of one category, and whether each can be had."""
    category = query.get("category", "kitchen")
    return {"products": call("catalogue", "GET", f"/products?category={category}")["products"]}


@server.route("GET", "/products/{sku}")
def product_page(sku, query, body):
    """One product, and what goes with it."""
    return {**call("catalogue", "GET", f"/products/{sku}"), "recommended": recommended(sku)}


def recommended(sku):
    """Products that go with ``sku``; none where recommendation fails, for a page is better without than not at all."""
    try:
        return call("recommendation", "GET", f"/products/{sku}", timeout_s=2.0)["products"]
    except HttpError as error:
        telemetry.log.warning("page of %s shown without recommendations: %s", sku, error)
        return []


@server.route("POST", "/basket/{session}")
def add_to_basket(session, query, body):
    """Put lines into the session's basket."""
    return call("cart", "POST", f"/carts/{session}", body)


@server.route("GET", "/basket/{session}")
def basket(session, query, body):
    return call("cart", "GET", f"/carts/{session}")


@server.route("POST", "/checkout/{session}")
def place_order(session, query, body):
    """Buy what is in the basket."""
    order = {"session": session, "card": body["card"], "voucher": body.get("voucher")}
    receipt = call("checkout", "POST", "/orders", order, timeout_s=15.0)
    return {**receipt, "free_delivery": receipt["cents"] >= FREE_DELIVERY_CENTS}


if __name__ == "__main__":
    server.serve()
