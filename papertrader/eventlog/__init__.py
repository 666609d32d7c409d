"""The Event Logging System: every process's entries, in memory first, then on disk."""
