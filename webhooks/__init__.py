"""The door: everything that arrives passes here."""
