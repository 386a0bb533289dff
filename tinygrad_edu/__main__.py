"""The command line, as ``python -m tinygrad_edu``."""

import sys

from .cli.command import main

if __name__ == "__main__":
    sys.exit(main())
