"""Charges cards through the external gateway."""
