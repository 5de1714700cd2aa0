"""A word to the background runner of this process: something is due now, do not wait for the next look.

Whoever makes work due (``next_run`` = now) in a transaction calls :func:`wake` after it. Where the runner is
another process, it finds the work at its next look, some seconds later; where there is none, ``davserver
sync`` does it.
"""

from __future__ import annotations

import threading

woken = threading.Event()
"""Set while there may be something due that the runner has not seen."""


def wake() -> None:
    """Let the runner look at once, if it is in this process."""
    woken.set()
