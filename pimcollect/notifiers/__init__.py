"""Whom we tell: a notice is a reference and a link, never a name."""
