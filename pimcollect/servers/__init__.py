"""Who collects: one vendor, one file."""
