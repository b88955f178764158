"""What we know: nouns, telemetry, topology, stored state, and read-only sources.

Conventions that hold in every package of this project, said once:

* Times are timezone-aware and in UTC. ``timestamp`` columns are ``datetime64[us, UTC]``.
* Durations carry their unit in the name (``duration_ms``, ``deadline_s``).
* Scores: higher is more suspicious. Probabilities lie in [0, 1].
* A graph edge points from caller to callee: *downstream* of a service are the services it calls.
"""
