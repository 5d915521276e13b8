"""Commands about calls: `hatif calls`, `hatif call`, `hatif numbers`."""
