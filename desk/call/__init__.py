"""The operator's call: the offer, and the controls of the conversation."""
