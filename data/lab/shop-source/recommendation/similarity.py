"""Which products are bought by the same customers."""

import random

PRODUCTS = 400
FAMILIES = 20
CUSTOMERS = 2400


class Purchases:
    """Units of each product that each of a panel of customers bought."""

    def __init__(self):
        chance = random.Random(11)
        self._units = [bytes(chance.choices(range(4), k=CUSTOMERS)) for _ in range(PRODUCTS)]

    def most_similar(self, family, count):
        """The ``count`` products whose sales go most with those of the first product of ``family``."""
        mine = self._units[family]
        scores = [sum(a * b for a, b in zip(mine, units, strict=True)) for units in self._units]
        best = sorted(range(PRODUCTS), key=scores.__getitem__, reverse=True)
        return [f"SKU-{number:04d}" for number in best if number != family][:count]
