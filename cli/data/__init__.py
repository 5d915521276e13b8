"""Commands about the data as a whole: backups, moving to another database, retention."""
