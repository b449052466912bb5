"""Why a run is as it is, told from its journal: for people, when they ask.

Nothing here decides or stores anything. `history.tell` folds the events of a run one after
another, so that each is told beside the state it was decided in; `waits` and `decisive` read the
state that results; `absent` speaks of what the workflow declares and the run has not reached.
"""
