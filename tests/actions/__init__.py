"""Promises of the actions."""
