"""Pure: arrays and tables in, scores out. Higher is more suspicious.

Nothing here reads a file, a clock or a network, and nothing mutates what it is given; the same input gives the
same answer whatever the names and the order of its columns. ``docs/how-it-ranks.md`` tells how root causes are
ranked, ``docs/how-changes-are-blamed.md`` how changes are.
"""
