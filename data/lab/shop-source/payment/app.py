"""Card charges. The money itself moves at the gateway, an external company."""

from common import server, telemetry
from common.client import call
from common.errors import HttpError
from common.pool import Pool
from common.settings import settings

slots = Pool("gateway", settings["gateway_connections"], settings["gateway_wait_s"], object)


@server.route("POST", "/charges")
def charge(query, body):
    """Authorise the card, then capture the amount."""
    request = {"reference": body["order"], "card": body["card"], "amount": body["cents"], "currency": "EUR"}
    with slots.connection():
        authorised = at_gateway("/v1/authorisations", request)
        if authorised["status"] != "authorised":
            telemetry.log.warning("payment declined by the issuer for order %s", body["order"])
            raise HttpError(402, "payment declined")
        at_gateway("/v1/captures", {"authorisation": authorised["id"], "amount": body["cents"]})
    telemetry.log.info("payment captured for order %s, %d cents", body["order"], body["cents"])
    return {"id": authorised["id"]}


def at_gateway(path, request):
    return call(settings["gateway_url"], "POST", path, request, timeout_s=settings["gateway_timeout_s"])


if __name__ == "__main__":
    server.serve()
