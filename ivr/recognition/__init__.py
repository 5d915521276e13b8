"""What callers say: the workers that hear them, and each call's way to one."""
