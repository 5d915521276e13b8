"""The floor: who waits, who is free, and who is offered which call."""
