"""Artifact drivers: one file per kind of store, found by `registry.Drivers`.

Drivers never retry; they raise errors of `tiphys.errors` only.
"""
