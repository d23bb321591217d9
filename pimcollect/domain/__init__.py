"""The rules: plain functions on plain values, standard library only."""
