"""``python -m ganglion``: the command line."""

import sys

from ganglion.cli import main

if __name__ == "__main__":
    sys.exit(main())
