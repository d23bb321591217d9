"""`python -m pimcollect`: the same as the command `pimcollect`."""

from pimcollect.cli.main import main

if __name__ == "__main__":
    main()
