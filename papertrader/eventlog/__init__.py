"""The Event Logging System: every process's entries, in memory first, then on disk."""

from papertrader.eventlog.crashes import CrashDump, dump_ring
from papertrader.eventlog.flushing import LogClock, LogTimer
from papertrader.eventlog.log import EventLog, LogCounters
from papertrader.eventlog.settings import EventLogError, EventLogSettings

__all__ = [
    "CrashDump",
    "EventLog",
    "EventLogError",
    "EventLogSettings",
    "LogClock",
    "LogCounters",
    "LogTimer",
    "dump_ring",
]
