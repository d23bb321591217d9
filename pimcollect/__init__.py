"""The service: its ground, its rules and its faces."""
