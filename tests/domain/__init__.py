"""Promises of the rules that decide."""
