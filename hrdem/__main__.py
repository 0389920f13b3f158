"""``python -m hrdem``."""

from __future__ import annotations

from hrdem.cli.main import main

if __name__ == "__main__":
    main()
