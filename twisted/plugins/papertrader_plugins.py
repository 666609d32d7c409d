"""The two ``twistd`` commands. Nothing else may be imported here: an error would hide them both.

There must never be an ``__init__.py`` beside this file, nor in ``twisted/``: it would replace
Twisted's own.
"""

from twisted.application.service import ServiceMaker

master = ServiceMaker(
    "PaperTrader master",
    "papertrader.ops.master_tap",
    "Run the PaperTrader master: accounts, ledger and market.",
    "papertrader-master",
)
worker = ServiceMaker(
    "PaperTrader worker",
    "papertrader.ops.worker_tap",
    "Run a PaperTrader worker: the outer world's door to the master.",
    "papertrader-worker",
)
