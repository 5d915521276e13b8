"""A day of the call centre in events, on the same engine that answers the calls. docs/simulate.md says how it is used.

`demand` makes the calls, `team` the operators, `day` runs them, `tables` makes figures of it, `advice` compares teams.
Seconds are counted from the beginning of the day, which is the instant 0. The same seed gives the same day.
"""
