"""Work for people: voice messages, call-back requests, procedures to be sent. Each is taken by one person."""
