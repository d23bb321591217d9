"""One function is one thing a role does, asks one permission and writes one journal line."""
