"""A floor at work in real time: many telephones, callers, and all that operators do with them. Counts what is left
behind afterwards."""
