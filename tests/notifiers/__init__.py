"""Promises of the notifiers."""
