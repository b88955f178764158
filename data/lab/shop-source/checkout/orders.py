"""What an order is."""

import secrets
from dataclasses import dataclass

# What each voucher takes off, in percent.
VOUCHERS = {"WELCOME10": 10, "SPRING15": 15}


@dataclass(frozen=True)
class Order:
    """Lines are ``{"sku", "units", "cents"}``; ``cents`` is the price of one unit."""

    id: str
    lines: list
    voucher: str | None = None

    @property
    def cents(self):
        full = sum(line["units"] * line["cents"] for line in self.lines)
        return full - discount(full, self.voucher)


def discount(cents, voucher):
    """What a voucher takes off; nothing for one we do not know."""
    return cents * VOUCHERS.get(voucher, 0) // 100


def new(session, lines, voucher=None):
    return Order(secrets.token_hex(4), lines, voucher)
