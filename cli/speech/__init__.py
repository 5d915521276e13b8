"""Commands about recognition: models, and the text of voice messages."""
