"""What the methods of a face need of it: a way to ask. One kind for each of the three faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from papertrader.client.commands import Command
from papertrader.wire import messages as m

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

ResultT = TypeVar("ResultT")


class BlockingAsker(ABC):
    """What `Client` has for its methods."""

    @abstractmethod
    def _ask(self, command: Command[ResultT]) -> ResultT:
        """Do one command; returns what it says."""

    @abstractmethod
    def _subscribe(self, request: m.Subscribe) -> int:
        """Follow topics; returns the account's newest event."""


class AsyncAsker(ABC):
    """What `AsyncClient` has for its methods."""

    @abstractmethod
    async def _ask(self, command: Command[ResultT]) -> ResultT:
        """Do one command; returns what it says."""

    @abstractmethod
    async def _subscribe(self, request: m.Subscribe) -> int:
        """Follow topics; returns the account's newest event."""


class TwistedAsker(ABC):
    """What `TwistedClient` has for its methods."""

    @abstractmethod
    def _ask(self, command: Command[ResultT]) -> Deferred[ResultT]:
        """Do one command; fires with what it says."""

    @abstractmethod
    def _subscribe(self, request: m.Subscribe) -> Deferred[int]:
        """Follow topics; fires with the account's newest event."""
