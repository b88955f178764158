"""What we hold of each SKU."""


class Stock:
    def __init__(self, database):
        self._database = database

    def on_hand(self, skus):
        """Units held of each of ``skus``; zero for one we do not know."""
        marks = ", ".join("?" * len(skus))
        sql = f"SELECT sku, SUM(quantity) FROM movements WHERE sku IN ({marks}) GROUP BY sku"
        return dict.fromkeys(skus, 0) | dict(self._database.query(sql, skus))

    def take(self, order, units):
        """Book ``units`` (a mapping by SKU) out of stock for an order."""
        rows = [(sku, -count, order) for sku, count in units.items()]
        self._database.insert("INSERT INTO movements VALUES (?, ?, ?)", rows)
