"""Promises of servers."""
