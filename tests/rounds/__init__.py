"""Long rounds: every form, every engine, many people; `make rounds` runs them whole, the suite a little of them."""
