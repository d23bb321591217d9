"""Behaviour that other people's software expects of us."""
