"""What the desk costs, and how soon it shows things."""
