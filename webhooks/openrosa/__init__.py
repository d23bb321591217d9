"""The phones' door: an OpenRosa server of our own, for ODK Collect, KoboCollect and their kin."""
