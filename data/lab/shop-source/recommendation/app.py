"""What goes with a product: computed from purchases for its family of products, and kept for a while."""

from common import server
from common.client import call
from common.settings import settings
from recommendation.cache import Cache
from recommendation.similarity import FAMILIES, Purchases

PICKS = 6

purchases = Purchases()
cache = Cache()


@server.route("GET", "/products/{sku}")
def recommend(sku, query, body):
    """The products most often bought with those of the family of ``sku``."""
    family = int(sku.removeprefix("SKU-")) % FAMILIES
    if settings["personalised"]:
        return {"products": picks(family)}
    return {"products": cache.get(family, settings["cache_ttl_s"], picks)}


def picks(family):
    return call("catalogue", "POST", "/details", {"skus": purchases.most_similar(family, PICKS)})["products"]


if __name__ == "__main__":
    server.serve()
