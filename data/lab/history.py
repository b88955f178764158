"""The shop's own past: who committed what, and how long before the lab was started. Patches: ``commits/history``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from data.lab.repository import Commit, History

ANNA = "Anna Lindqvist <anna@shop.example>"
BASTIAN = "Bastian Roth <bastian@shop.example>"
CHIARA = "Chiara Conti <chiara@shop.example>"
DMITRI = "Dmitri Volkov <dmitri@shop.example>"
EDA = "Eda Yilmaz <eda@shop.example>"
# Who looks after which service, and so makes most of its commits.
OWNERS = {
    "frontend": EDA,
    "checkout": ANNA,
    "cart": ANNA,
    "catalogue": EDA,
    "inventory": BASTIAN,
    "payment": DMITRI,
    "recommendation": CHIARA,
}


def _ago(minutes: int = 0, *, hours: int = 0, days: int = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


_COMMITS: tuple[Commit, ...] = (
    Commit("first-services", ANNA, _ago(days=34), "Seven services: a shop that sells"),
    Commit("docs-releasing", ANNA, _ago(11, hours=3, days=30), "docs: describe how a service is released"),
    Commit(
        "inventory-conflict-status",
        BASTIAN,
        _ago(32, hours=5, days=26),
        "inventory: answer 409 when a line is out of stock\n\nIt is not a fault of ours, and should not count as one.",
    ),
    Commit("tests-orders", EDA, _ago(48, hours=2, days=19), "tests: cover the price of an order"),
    Commit("common-resident-memory", DMITRI, _ago(5, hours=6, days=15), "common: report resident memory"),
    Commit(
        "recommendation-spread-expiry",
        CHIARA,
        _ago(27, hours=2, days=12),
        "recommendation: spread the expiry of what is cached",
    ),
    Commit("bump-opentelemetry", EDA, _ago(53, hours=1, days=8), "docs: any OpenTelemetry SDK will do"),
    Commit(
        "payment-currency",
        DMITRI,
        _ago(17, hours=22, days=5),
        "payment: send the gateway an amount with its currency\n\nTheir version 1 will need it from January.",
    ),
    Commit("catalogue-sort", EDA, _ago(41, hours=2, days=4), "catalogue: sort a category by name"),
    Commit(
        "cart-limit",
        ANNA,
        _ago(58, hours=1, days=3),
        "cart: hold at most 30 lines\n\nScripts were filling baskets with hundreds.",
    ),
    Commit(
        "payment-timeout",
        DMITRI,
        _ago(22, hours=5, days=2),
        "payment: wait up to 3 s for the gateway\n\nTheir status page asks for it during month-end.",
    ),
    Commit(
        "checkout-structured-log",
        ANNA,
        _ago(23, hours=9, days=1),
        "checkout: log orders as structured fields\n\nSupport wants to search orders by price.",
    ),
    Commit("inventory-log-reservations", CHIARA, _ago(36, hours=22), "inventory: log how many units were reserved"),
    Commit("frontend-free-delivery", EDA, _ago(14, hours=19), "frontend: say when delivery is free"),
    Commit("docs-on-call", ANNA, _ago(6, hours=3), "docs: on-call notes for checkout"),
)

_HERE = Path(__file__).parent
HISTORY = History(_COMMITS, _HERE / "commits" / "history", _HERE / "shop-source")
