"""What answers the engine's questions: locks, room to begin, memoization caches.

Each adapter is one implementation of `tiphys.ports.Answerer`; `queue.py` and `rooms.py` are the
rules that all of them follow. No workflow logic, no retries of what failed.
"""
