"""The start of the pod launcher: `python -I -S <this directory> JOBDIR LOCKFD PLANFD`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # In isolated mode nothing but the standard library is found; our own package is above us.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    from tiphys.executor.pod.supervisor import main

    sys.exit(main(sys.argv[1:]))
