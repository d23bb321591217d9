"""The faults F01 to F30 of the reliability contract, each an experiment that is run for real: `make chaos`."""
