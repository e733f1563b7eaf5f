# SPDX-License-Identifier: BSD-3-Clause
"""Waiting for a condition, with a deadline. The one place above the data plane where time passes by sleeping."""
import os
import time


class Late(AssertionError):
    """The condition did not come true in time."""


def eventually(condition, deadline=5.0, what="", every=0.02):
    """Call `condition` until it returns something true and return that; `Late` after `deadline` seconds.

    The deadline is for a machine with a processor to spare. Where more processes run than there are processors, it is as much longer.
    An exception of the operating system (no socket yet, connection refused) counts as "not yet".
    """
    deadline *= max(1.0, os.getloadavg()[0] / os.cpu_count())
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except OSError as error:
            last = error
        if time.monotonic() >= end:
            raise Late(f"not within {deadline:.1f} s: {what or condition}; last seen: {last!r}")
        time.sleep(every)


def holds(condition, seconds, what="", every=0.02):
    """`condition` is true now and stays true for `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"did not hold for {seconds} s: {what or condition}"
        time.sleep(every)
