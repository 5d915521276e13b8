"""The operator's call: what is offered, and what they can do with the caller."""
