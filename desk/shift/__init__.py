"""The operator's page: their state, their colleagues, the queue."""
