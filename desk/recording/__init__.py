"""Recorded conversations: supervisors listen to them and score them; operators see their scores."""
