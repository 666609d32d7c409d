"""``python -m papertrader.fuzz``."""

from __future__ import annotations

from papertrader.fuzz.commands import main

if __name__ == "__main__":
    main(prog_name="python -m papertrader.fuzz")
