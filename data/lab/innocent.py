"""Harmless commits to deploy around a fault: whose each is, and its message. Patches are in ``commits/innocent``."""

from __future__ import annotations

from collections.abc import Mapping

INNOCENT: Mapping[str, tuple[str, str]] = {
    "frontend-default-category": ("frontend", "frontend: open with the garden category\n\nSpring is coming."),
    "frontend-delivery-threshold": ("frontend", "frontend: free delivery from 45 euros"),
    "catalogue-message": ("catalogue", "catalogue: say it in plain words when a product is unknown"),
    "catalogue-plural": ("catalogue", "catalogue: describe the range more exactly"),
    "cart-forget-later": ("cart", "cart: keep a basket for 45 minutes"),
    "cart-message": ("cart", "cart: clearer message for a bad session"),
    "checkout-order-id": ("checkout", "checkout: longer order numbers\n\nEight digits will not last the year."),
    "checkout-message": ("checkout", "checkout: friendlier message for an empty basket"),
    "inventory-message": ("inventory", "inventory: say sold out rather than out of stock"),
    "inventory-ledger-note": ("inventory", "inventory: say where stock levels come from"),
    "payment-log-currency": ("payment", "payment: log the currency with the amount"),
    "payment-comment": ("payment", "payment: note how long the gateway's contract runs"),
    "recommendation-picks": ("recommendation", "recommendation: five picks fit a phone better"),
    "recommendation-entries": ("recommendation", "recommendation: keep at most 500 entries"),
}
