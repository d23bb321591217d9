"""Rows and the queries on them; no decisions."""
