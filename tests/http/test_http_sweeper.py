"""Deadlines by one tick."""

from __future__ import annotations

import asyncio
import time

from http_sockets import run, until

from fenli.clock import MILLISECOND
from fenli.http.sweeper import NEVER, Sweeper


class Member:
    def __init__(self, sweeper: Sweeper, span: int | None) -> None:
        self.sweeper = sweeper
        self.deadline = NEVER if span is None else sweeper.now + span + sweeper.tick
        self.expired: list[float] = []
        sweeper.add(self)

    def expire(self) -> None:
        self.expired.append(time.monotonic())
        self.deadline = NEVER


def test_a_member_expires_once_and_never_early():
    async def story():
        sweeper = Sweeper(asyncio.get_running_loop(), tick=5 * MILLISECOND)
        began = time.monotonic()
        soon, never = Member(sweeper, 30 * MILLISECOND), Member(sweeper, None)
        await until(lambda: soon.expired)
        assert soon.expired[0] - began >= 0.03
        await asyncio.sleep(0.03)
        assert (len(soon.expired), never.expired) == (1, [])
        sweeper.stop()

    run(story)


def test_a_stall_of_the_loop_is_nobodys_fault():
    async def story():
        sweeper = Sweeper(asyncio.get_running_loop(), tick=5 * MILLISECOND)
        member = Member(sweeper, 100 * MILLISECOND)
        await asyncio.sleep(0.01)
        time.sleep(0.2)
        await asyncio.sleep(0.01)
        assert member.expired == []
        await until(lambda: member.expired)
        sweeper.stop()

    run(story)


def test_the_tick_rests_when_there_is_nobody_to_watch():
    async def story():
        ticks = []
        sweeper = Sweeper(asyncio.get_running_loop(), tick=MILLISECOND, on_tick=lambda: ticks.append(1))
        member = Member(sweeper, None)
        await until(lambda: len(ticks) > 3)
        sweeper.discard(member)
        await until(lambda: sweeper._handle is None)
        count = len(ticks)
        await asyncio.sleep(0.01)
        assert len(ticks) == count
        sweeper.add(member)
        await until(lambda: len(ticks) > count + 2)
        sweeper.stop()

    run(story)


def test_a_member_may_remove_another_while_expiring():
    async def story():
        sweeper = Sweeper(asyncio.get_running_loop(), tick=MILLISECOND)
        first, second = Member(sweeper, MILLISECOND), Member(sweeper, MILLISECOND)

        def expire_both(member, other):
            def expire():
                member.expired.append(0.0)
                member.deadline = other.deadline = NEVER
                sweeper.discard(other)

            return expire

        first.expire, second.expire = expire_both(first, second), expire_both(second, first)
        await until(lambda: first.expired or second.expired)
        await asyncio.sleep(0.01)
        assert len(first.expired) + len(second.expired) == 1
        sweeper.stop()

    run(story)
