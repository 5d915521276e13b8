"""A floor at work, at real speed: many telephones, callers, and everything that operators do with both. What is left
behind afterwards is counted."""
