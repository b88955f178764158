"""Products, from their own small database; what is in stock, from inventory."""

from common import server
from common.client import call
from common.errors import HttpError

from catalogue.products import Products

products = Products()


@server.route("GET", "/products")
def by_category(query, body):
    """One page of a category, each product with the units in stock."""
    found = products.in_category(query["category"])
    held = in_stock([product["sku"] for product in found])
    return {"products": [{**product, "units": held[product["sku"]]} for product in found]}


def in_stock(skus):
    """Units held, by SKU."""
    return call("inventory", "POST", "/stock", {"skus": skus})["units"]


@server.route("GET", "/products/{sku}")
def one(sku, query, body):
    return known(sku)


@server.route("POST", "/details")
def details(query, body):
    """Several products at once."""
    return {"products": [known(sku) for sku in body["skus"]]}


@server.route("POST", "/prices")
def prices(query, body):
    return {sku: known(sku)["cents"] for sku in body["skus"]}


def known(sku):
    product = products.get(sku)
    if product is None:
        raise HttpError(404, f"no product {sku}")
    return product


if __name__ == "__main__":
    server.serve()
