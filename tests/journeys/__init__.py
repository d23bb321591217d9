"""Whole ways through the service."""
