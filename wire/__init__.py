"""Words that several processes use, each written once. It imports nothing of ours, and does nothing."""
