"""Live state for all browsers: one reader of the control API's events, and one stream for each browser."""
