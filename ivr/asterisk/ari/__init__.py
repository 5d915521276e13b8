"""A thin client of Asterisk's REST interface: requests and events on one WebSocket."""
