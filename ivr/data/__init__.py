"""The line's data as a whole: backups, how long what is kept, and what is kept about one person."""
