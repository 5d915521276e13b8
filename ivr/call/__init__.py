"""A call: its coroutine, its events, and what it needs from the rest of the program, without the flow and the floor."""
