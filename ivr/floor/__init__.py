"""The floor: waiting callers, operators, and which call is offered to whom."""
