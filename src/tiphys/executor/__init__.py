"""Beside the user's process: stage its directory, run its command, capture what it left.

Called by the local runtimes. Knows the job directory and the artifact port; never the workflow.
"""
