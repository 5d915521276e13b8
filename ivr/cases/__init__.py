"""Case files: changes to them, their PINs, and what a caller hears about one."""
