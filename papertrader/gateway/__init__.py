"""The gateway: a worker speaks Alpaca's public API, for programs that were written for it."""
