"""Commands about operators, the queue and the roster."""
