"""What people do at leisure, for desk and command line alike: one function a change, which checks the right of whoever
acts and writes the audit. It works over a database and a journal; it serves nothing and prints nothing."""
