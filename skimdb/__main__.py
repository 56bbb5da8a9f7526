"""``python -m skimdb``: the command line."""

from skimdb._cli import main

if __name__ == "__main__":
    main()
