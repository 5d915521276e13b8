"""FastAGI services: dialplans that keep their own menus and queues ask Hatif, which sets variables and never speaks."""
