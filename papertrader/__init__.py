"""PaperTrader: practise investing with fake money against real, recorded or simulated prices."""

__version__ = "0.1.0"
