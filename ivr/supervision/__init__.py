"""A supervisor hears an operator's conversation, is heard by the operator only, or by both. docs/supervision.md.

`allowed` says who may, `spy` is what Asterisk has of it, `listening` leads it from its beginning to its end.
"""
