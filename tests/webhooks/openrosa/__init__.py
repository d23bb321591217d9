"""Tests of the phones' door."""
