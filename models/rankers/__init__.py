"""Rankers: from the board of one incident to a score for every service. Higher is more suspicious."""
