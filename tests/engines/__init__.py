"""Real form engines that fill our forms."""
