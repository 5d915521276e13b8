"""The wallboard: the line at this moment and today, for supervisors and for a screen on the wall."""
