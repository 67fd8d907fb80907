"""The command line as ``python -m gromos_dist``."""

from gromos_dist.cli import main

if __name__ == "__main__":
    main()
