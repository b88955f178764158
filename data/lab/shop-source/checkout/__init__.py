"""Turns a basket into an order."""
