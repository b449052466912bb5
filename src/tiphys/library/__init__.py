"""Tiphys called from Python: what `import tiphys` offers; the command line uses the same."""
