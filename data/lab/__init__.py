"""The lab: a small shop of real services to break, its own git repository, and a recorder of what happens.

``repository`` writes the shop's history as a real git repository; ``shop`` runs services from checkouts
of its commits, one process each, on free loopback ports; ``load`` sends customers; ``record`` breaks
the shop by deploying a bad commit and keeps what telemetry saw as an incident bundle.

The shop itself lives in ``history/`` as one patch a commit, and needs nothing but Python.
"""
