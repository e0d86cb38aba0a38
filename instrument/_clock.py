"""The two clocks: wall time to say when, ticks to say how long.

A trace reads the wall clock once and counts ticks from there, so a clock that is set back in the middle cannot make
a duration negative. No other module of the package reads the time.
"""

from time import monotonic, perf_counter, perf_counter_ns, time_ns

__all__ = ["exact_seconds", "seconds", "ticks", "wall"]

wall = time_ns
"""Nanoseconds since 1970-01-01 UTC. May jump."""

ticks = perf_counter_ns
"""Nanoseconds since some moment in the past. Never goes back; differences are durations."""

exact_seconds = perf_counter
"""The same moments in seconds. Read where durations are summed up: a float is made faster than a long integer."""

seconds = monotonic
"""Seconds since some moment in the past, for deadlines and waiting."""
