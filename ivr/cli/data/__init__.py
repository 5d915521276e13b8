"""Commands about the data as a whole: backups, moving to another database, how long what is kept."""
