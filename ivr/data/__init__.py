"""The line's data as a whole: backups, retention, and what is kept about one person."""
