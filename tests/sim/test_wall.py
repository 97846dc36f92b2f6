from __future__ import annotations

import asyncio

from fenli.clock import MILLISECOND
from fenli.sim.wall import Wall


def test_the_wall_clock_keeps_the_same_order() -> None:
    async def story() -> list[str]:
        wall, seen, over = Wall(asyncio.get_running_loop()), [], asyncio.Event()
        wall.call_later(30 * MILLISECOND, over.set)
        wall.call_later(10 * MILLISECOND, seen.append, "second")
        wall.call_later(2 * MILLISECOND, seen.append, "first")
        wall.call_soon(seen.append, "now")
        wall.call_later(5 * MILLISECOND, seen.append, "never").cancel()
        await asyncio.wait_for(over.wait(), 5)
        wall.close()
        return seen

    assert asyncio.run(story()) == ["now", "first", "second"]


def test_a_callback_may_set_the_next_one() -> None:
    async def story() -> int:
        wall, over, count = Wall(asyncio.get_running_loop()), asyncio.Event(), 0

        def tick() -> None:
            nonlocal count
            count += 1
            if count == 20:
                over.set()
            else:
                wall.call_soon(tick)

        wall.call_soon(tick)
        await asyncio.wait_for(over.wait(), 5)
        return count

    assert asyncio.run(story()) == 20
