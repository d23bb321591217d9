"""The hands: what happens behind the door."""
