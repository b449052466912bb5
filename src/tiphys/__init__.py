"""Tiphys: Argo workflows simulated, on this machine, or on Kubernetes."""

__version__ = "0.1.0"

__all__ = ["__version__"]
