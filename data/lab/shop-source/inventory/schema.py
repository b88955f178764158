"""The stock ledger: every movement of stock is a row, and what we hold of a SKU is their sum."""

import random
import sqlite3

PRODUCTS = 400
MOVEMENTS_EACH = 600
# Beyond this many rows the ledger is begun anew from its opening history.
MOST_ROWS = 450_000


def prepare(path):
    """Create the ledger, with its opening history, unless it is there already."""
    with sqlite3.connect(path, timeout=20) as database:
        database.execute("PRAGMA journal_mode = WAL")
        exists = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'movements'").fetchone()
        if exists and database.execute("SELECT MAX(rowid) FROM movements").fetchone()[0] > MOST_ROWS:
            database.execute("DROP TABLE movements")
            exists = None
        if not exists:
            database.execute("CREATE TABLE movements (sku TEXT NOT NULL, quantity INTEGER NOT NULL, reference TEXT)")
            database.executemany("INSERT INTO movements VALUES (?, ?, ?)", opening_history())
        database.execute("CREATE INDEX IF NOT EXISTS movements_by_sku ON movements (sku, quantity)")


def opening_history():
    """Deliveries and sales of the past year, in the order they happened."""
    chance = random.Random(7)
    for number in range(PRODUCTS):
        yield f"SKU-{number:04d}", 500_000, "opening"
    for movement in range(PRODUCTS * MOVEMENTS_EACH):
        yield f"SKU-{chance.randrange(PRODUCTS):04d}", chance.randint(-3, 4), f"history-{movement}"
