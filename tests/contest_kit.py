"""What the in-memory worker of `client_kit` does with contests."""

from __future__ import annotations

import attrs

from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.money import NULL, SCALE
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE
from papertrader.wire.kinds import Status
from tests.client_accounts import START


class ContestPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _contest_reply(self, number: int, portfolio: int = 0) -> m.ContestReply:
        made = self.market.contests[number]
        names = {a.name for a in attrs.fields(m.ContestCreate)} & {
            a.name for a in attrs.fields(m.ContestReply)
        }
        fields = {name: getattr(made, name) for name in names}
        return m.ContestReply(
            **fields, contest=number, host="ada", currency="USD", state=ContestState.RUNNING,
            portfolio=portfolio,
        )  # fmt: skip

    def _change_contest_create(self, wish: m.ContestCreate) -> tuple[object, int]:
        self.market.contests[len(self.market.contests) + 1] = wish
        return self._contest_reply(len(self.market.contests)), Status.OK

    def _change_contest_join(self, wish: m.ContestJoin) -> tuple[object, int]:
        if wish.contest not in self.market.contests:
            return codec.Failure("There is no such contest."), Status.NO_SUCH_CONTEST
        return self._contest_reply(wish.contest, 7), Status.OK

    def _contest_get(self, header: codec.Header, message: m.ContestGet) -> None:
        self._send(header, self._contest_reply(message.contest))

    def _contest_list(self, header: codec.Header, message: m.ContestList) -> None:
        rows = [
            m.ContestRow(contest=number, name=made.name, host="ada", currency="USD")
            for number, made in self.market.contests.items()
        ]
        self._parts(header, m.ContestListPart, "contests", rows, as_of=START)

    def _contest_standings(self, header: codec.Header, message: m.ContestStandings) -> None:
        risk = SCALE // 2 if message.order == StandingOrder.RISK_ADJUSTED else NULL
        rows = [
            m.StandingRow(
                rank=place, portfolio=place, username=name, equity=worth * SCALE,
                gain=SCALE // 10, risk_adjusted=risk,
            )
            for place, (name, worth) in enumerate([("ada", 1_100), ("bob", 1_100)], 1)
        ]  # fmt: skip
        self._parts(
            header, m.ContestStandingsPart, "standings", rows, contest=message.contest, as_of=START
        )

    def _contest_file(self, header: codec.Header, message: m.ContestFile) -> None:
        chunks = [self.market.contest_file[at : at + 50] for at in range(0, 150, 50)]
        for number, chunk in enumerate(chunks, 1):
            part = m.ContestFilePart(
                part=number, parts=3, contest=message.contest, size=150, octets=chunk
            )
            self._send(header, part, flags=MORE if number < 3 else 0)
