"""What runs jobs: plain processes, bubblewrap sandboxes, and a script for simulations.

Each module is one implementation of `tiphys.ports.Runtime`; `local.py` is what the ones with real
processes share. No workflow logic, no retries.
"""
