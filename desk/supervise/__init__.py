"""The supervisors' page: conversations to listen to, callers who wait, operators, requests for help, and the line."""
