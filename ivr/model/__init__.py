"""Plain data that everything else exchanges: call states, messages between calls and the floor, numbers, the clock."""
