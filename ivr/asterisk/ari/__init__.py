"""A thin client of the Asterisk REST Interface (ARI): requests and events on one WebSocket."""
