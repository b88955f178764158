"""Orders: reserve the stock, take the money, empty the basket."""

from common import server, telemetry
from common.client import call
from common.errors import HttpError

from checkout import orders

placed = telemetry.meter.create_counter("checkout.orders")


@server.route("POST", "/orders")
def place_order(query, body):
    cart = call("cart", "GET", f"/carts/{body['session']}")
    if not cart["lines"]:
        raise HttpError(400, "the basket is empty")
    order = orders.new(body["session"], cart["lines"], body.get("voucher"))
    call("inventory", "POST", "/reservations", {"order": order.id, "lines": order.lines}, timeout_s=10.0)
    charge = {"order": order.id, "card": body["card"], "cents": order.cents, "lines": order.lines}
    charged = call("payment", "POST", "/charges", charge, timeout_s=10.0)
    call("cart", "DELETE", f"/carts/{body['session']}")
    record(order, charged)
    return {"order": order.id, "cents": order.cents}


def record(order, charged):
    """Count the order, and log it with fields that can be searched."""
    placed.add(1)
    fields = {"lines": len(order.lines), "cents": order.cents, "charge": charged["id"]}
    telemetry.log.info("order %s placed", order.id, extra=fields)


if __name__ == "__main__":
    server.serve()
