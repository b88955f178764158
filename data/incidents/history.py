"""The commits of the shop that the shipped incident was recorded in, oldest first. The patches are in ``history/``.

The lab's shop has grown since; this one is kept because the recording names these very commits.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from data.lab.repository import Commit, History

_ANNA, _BASTIAN, _CHIARA, _DMITRI, _EDA = (
    "Anna Lindqvist <anna@shop.example>",
    "Bastian Roth <bastian@shop.example>",
    "Chiara Conti <chiara@shop.example>",
    "Dmitri Volkov <dmitri@shop.example>",
    "Eda Yilmaz <eda@shop.example>",
)


def _ago(minutes: int = 0, *, hours: int = 0, days: int = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


_COMMITS: tuple[Commit, ...] = (
    Commit("first-services", _ANNA, _ago(days=21), "Storefront, catalogue, cart, checkout, inventory and payment"),
    Commit("docs-running", _ANNA, _ago(11, hours=3, days=20), "docs: describe how a service is started"),
    Commit(
        "inventory-conflict-status",
        _BASTIAN,
        _ago(32, hours=5, days=16),
        "inventory: answer 409 when a line is out of stock\n\nIt is not a fault of ours, and should not count as one.",
    ),
    Commit(
        "inventory-batch-stock",
        _CHIARA,
        _ago(4, hours=1, days=13),
        "inventory: read a whole basket's stock in one query",
    ),
    Commit("tests-orders", _EDA, _ago(48, hours=2, days=9), "tests: cover the price of an order"),
    Commit("tests-stock", _CHIARA, _ago(20, hours=4, days=8), "tests: cover the stock ledger"),
    Commit("common-resident-memory", _DMITRI, _ago(5, hours=6, days=5), "common: report resident memory"),
    Commit("bump-pytest", _EDA, _ago(53, hours=1, days=2), "build: bump pytest from 8.3.4 to 9.0.1"),
    Commit(
        "payment-currency",
        _DMITRI,
        _ago(17, hours=22),
        "payment: send the gateway an amount with its currency\n\nTheir version 1 will need it from January.",
    ),
    Commit("catalogue-sort", _EDA, _ago(41, hours=2), "catalogue: sort a category by name"),
    Commit(
        "cart-limit",
        _ANNA,
        _ago(58, hours=1),
        "cart: hold at most 30 lines\n\nScripts were filling baskets with hundreds.",
    ),
    Commit(
        "payment-timeout",
        _DMITRI,
        _ago(22, hours=1),
        "payment: wait up to 3 s for the gateway\n\nTheir status page asks for it during month-end.",
    ),
    Commit(
        "inventory-simplify-lookup",
        _BASTIAN,
        _ago(49),
        "inventory: simplify stock lookup\n\nSupplier feeds send SKUs in either case. Look each one up the same way,\n"
        "without the hand-built IN list.",
    ),
    Commit("inventory-log-reservations", _CHIARA, _ago(36), "inventory: log how many units were reserved"),
    Commit(
        "checkout-structured-log",
        _ANNA,
        _ago(23),
        "checkout: log orders as structured fields\n\nSupport wants to search orders by price.",
    ),
    Commit("storefront-free-delivery", _EDA, _ago(14), "storefront: say when delivery is free"),
    Commit("docs-on-call", _ANNA, _ago(6), "docs: on-call notes for checkout"),
)

HISTORY = History(_COMMITS, Path(str(files("data.incidents").joinpath("history"))))

# What ran before the recording started, and the commit that slowed the shop down.
BASE = "payment-currency"
GUILTY = "inventory-simplify-lookup"
