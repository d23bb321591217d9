"""Fuzzers: every parser of what comes from outside, with the same targets for hypothesis and for coverage guidance."""
