"""Programs the lab starts as processes of their own. Each needs nothing but Python, and knows nothing of the others."""
