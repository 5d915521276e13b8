"""Feature codes: what an operator does with the keys of any telephone, and what he hears of it.

`registry` lists them, `call` is the channel on which one was dialled, `run` leads it from its beginning to its end.
"""
