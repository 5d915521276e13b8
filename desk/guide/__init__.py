"""The guide beside the call: what the line tells callers, searched as one types, in two languages side by side."""
