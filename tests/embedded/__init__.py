"""Tests of the embedded servers and of the supervisor: starts, stops, kills."""
