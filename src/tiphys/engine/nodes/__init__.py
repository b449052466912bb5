"""One module per kind of node: `react(run, node)` looks at its own counters and does what is next.

Safe to call at any time. A kind knows its own children and nothing of its owner.
"""
