"""The range: 400 products in 8 categories."""

import sqlite3
import threading

CATEGORIES = ("kitchen", "garden", "office", "toys", "books", "sports", "music", "travel")
COUNT = 400
PAGE = 48


class Products:
    def __init__(self):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._database.execute("CREATE TABLE products (sku TEXT PRIMARY KEY, name TEXT, category TEXT, cents INTEGER)")
        self._database.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", map(product, range(COUNT)))

    def get(self, sku):
        rows = self._query("SELECT * FROM products WHERE sku = ?", (sku,))
        return rows[0] if rows else None

    def in_category(self, category):
        return self._query("SELECT * FROM products WHERE category = ? ORDER BY name LIMIT ?", (category, PAGE))

    def _query(self, sql, values):
        with self._lock:
            return [dict(row) for row in self._database.execute(sql, values)]


def product(number):
    category = CATEGORIES[number % len(CATEGORIES)]
    return f"SKU-{number:04d}", f"{category.title()} article {number}", category, 199 + 37 * (number % 113)
