"""Promises of the commands, as people and programs call them."""
