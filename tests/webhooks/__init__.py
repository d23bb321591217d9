"""Promises of webhooks."""
