"""Measurements and the chaos harness."""
