"""What starts workflows by itself: CronWorkflows and WorkflowEventBindings, as pure decisions.

The time, the documents and what is random are handed in; what comes back are values that say what
to do and why. Called by `controller/cron.py` and `service`.
"""
