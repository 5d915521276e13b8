"""Discrete-event simulation of a day, with the same engine that routes live calls. For its use see docs/simulate.md.

`demand` draws the calls, `team` makes the operators, `day` runs them, `totals` computes the figures, `advice` compares
teams. Instants are seconds since the beginning of the day. The same seed gives the same day.
"""
