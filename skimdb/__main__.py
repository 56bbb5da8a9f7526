"""``skimdb`` and ``python -m skimdb``: the command line."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        # here, for Ctrl-C in the first moments to end in a line as well
        from skimdb._cli import app

        app()
    except KeyboardInterrupt:
        print("Error: interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
