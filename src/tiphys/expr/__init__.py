"""The expression languages of workflow documents; pure, and ignorant of workflows.

Called by every room above. Import the module of the language you need; what begins with an
underscore is private. Nothing here reads a clock, a file or the environment (the rules of time
zones come through `zoneinfo`).
"""
