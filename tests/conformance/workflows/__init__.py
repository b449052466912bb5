"""Runs the manifests of the conformance corpus and compares with what must come of them.

`python -m tests.conformance.workflows DIR --real|--simulated|--lint`; the corpus's README says what
is compared and how.
"""
