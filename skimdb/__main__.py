"""``skimdb`` and ``python -m skimdb``: the command line."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        # imported here, so that Ctrl-C during the import ends with one line, too
        from skimdb._cli import app

        app()
    except KeyboardInterrupt:
        print("Error: interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
