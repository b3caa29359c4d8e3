"""Group commit: requests that come at the same time share a transaction, led by one of their threads.

No thread of its own, so that it works in a server that forks. While one thread commits, others line up; when it is
done, the first of these leads the next group. Nobody is answered before the commit that holds what he sent.

A leader waits a moment for as many as came together of late: a commit costs more than what is in it, and who was just
answered mostly sends again at once. One who comes alone never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

MAX_MEMBERS = 64  # of one group: its transaction stays short
PATIENCE = 0.001  # seconds that a leader waits for those who came together of late


class Abandoned(Exception):
    """The thread that led the group was ended before it could commit. Nothing was stored."""


class _Ticket[Member, Answer]:
    """``woken`` is held until the ticket was served, or leads. A plain lock: an Event is made of several."""

    __slots__ = ("answer", "error", "leads", "member", "woken")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.woken = Lock()
        self.woken.acquire()


class Group[Member, Answer]:
    """``submit`` returns what ``commit`` answered for a member, or raises what it raised.

    commit: takes members, returns an answer each; all of it stands or falls together
    shared: errors that say nothing of a single member, such as a database that is away; they go to all. After any
        other one each member of the group is tried alone.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Member]], Sequence[Answer]],
        shared: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        self._commit, self._shared = commit, shared
        self._lock = Lock()
        self._line: list[_Ticket[Member, Answer]] = []
        self._led = False
        self._expected = 1  # members of a group, of late
        self._waiting: Lock | None = None  # a leader's, who waits for those

    def submit(self, member: Member) -> Answer:
        ticket: _Ticket[Member, Answer] = _Ticket(member)
        with self._lock:
            self._line.append(ticket)
            ticket.leads = not self._led
            self._led = True
            if self._waiting is not None and len(self._line) >= self._expected:
                self._waiting.release()
                self._waiting = None
        if not ticket.leads:
            ticket.woken.acquire()
        if ticket.leads:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]  # set by _lead for all that have no error

    def _lead(self) -> None:
        group: list[_Ticket[Member, Answer]] = []
        try:
            try:
                self._wait_for_others()
            finally:
                group = self._take()
            self._serve(group)
        finally:
            # Whatever happened to this thread, nobody may be left waiting for it.
            with self._lock:
                following = self._line[0] if self._line else None
                self._led = following is not None
            if following is not None:
                following.leads = True
                following.woken.release()
            for ticket in group:
                if ticket.answer is None and ticket.error is None:
                    ticket.error = Abandoned()
                if not ticket.leads:
                    ticket.woken.release()

    def _take(self) -> list[_Ticket[Member, Answer]]:
        with self._lock:
            self._waiting = None
            group, self._line = self._line[:MAX_MEMBERS], self._line[MAX_MEMBERS:]
            self._expected = max(len(group), self._expected - 1)
        return group

    def _wait_for_others(self) -> None:
        with self._lock:
            if len(self._line) >= self._expected:
                return
            waiting = self._waiting = Lock()
            waiting.acquire()
        waiting.acquire(timeout=PATIENCE)

    def _serve(self, group: list[_Ticket[Member, Answer]]) -> None:
        try:
            answers = self._commit([ticket.member for ticket in group])
        except Exception as error:
            if len(group) == 1 or isinstance(error, self._shared):
                for ticket in group:
                    ticket.error = error
                return
            for ticket in group:
                self._serve([ticket])
            return
        for ticket, answer in zip(group, answers, strict=True):
            ticket.answer = answer
