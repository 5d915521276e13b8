"""A call: its coroutine, its events, and what it needs from others. It knows neither the flow nor the floor."""
