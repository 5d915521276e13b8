"""Commands that set a line up, run its processes and watch them."""
