"""How many units of each SKU we hold."""
