"""Marshmallow shapes shared by the pages, the commands and the bank."""
