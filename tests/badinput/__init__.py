"""Corpora of bad input: generated, seeded; each case has an id, its bytes and what must come of it."""
