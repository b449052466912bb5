"""The pod launcher: one process that runs the containers of a pod and outlives the engine.

What `launcher.c` is to a single command this is to init containers, container sets, sidecars,
daemons, probes and hooks. Started as `python -I -S <this directory>`, so nothing here imports more
than the standard library; `executor/podplan.py` says what it is told, `contract.py` what it writes.
"""
