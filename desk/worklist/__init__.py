"""What is to be worked off: voice messages, call-back requests, and procedures to be sent. Nobody takes one twice."""
