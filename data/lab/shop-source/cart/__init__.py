"""Baskets, one a customer session."""
