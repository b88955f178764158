"""Products: names, categories and prices."""
