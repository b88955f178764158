"""Stock levels and reservations."""

from common import server, telemetry
from common.errors import HttpError

from inventory.database import Database
from inventory.stock import Stock

stock = Stock(Database())


@server.route("POST", "/stock")
def units(query, body):
    """Units held of each SKU asked for."""
    return {"units": stock.on_hand(body["skus"])}


@server.route("POST", "/reservations")
def reserve(query, body):
    """Set units aside for an order: all of its lines, or none."""
    wanted = {}
    for line in body["lines"]:
        wanted[line["sku"]] = wanted.get(line["sku"], 0) + line["units"]
    held = stock.on_hand(list(wanted))
    short = [sku for sku, count in wanted.items() if held[sku] < count]
    if short:
        telemetry.log.warning("order %s wants more of %s than we hold", body["order"], short[0])
        raise HttpError(409, f"{short[0]} is out of stock")
    stock.take(body["order"], wanted)
    telemetry.log.info("reserved %d units for order %s", sum(wanted.values()), body["order"])
    return {"order": body["order"]}


if __name__ == "__main__":
    server.serve()
