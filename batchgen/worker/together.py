"""Work that costs less for many at once: whoever waits when it begins again takes part, and alone nobody waits for company."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def _one(_item: Any) -> int:
    return 1


class Together(Generic[_Item, _Result]):
    """`run` is awaited with the items that wait, `most` by weight, and answers each with a result or an exception.

    Beside one that is under way another begins only with a full load, and up to `runs` of them.
    """

    def __init__(
        self,
        run: Callable[[list[_Item]], Awaitable[Sequence[_Result | Exception]]],
        *,
        most: int,
        weigh: Callable[[_Item], int] = _one,
        runs: int = 1,
    ) -> None:
        self._run = run
        self._most = most
        self._weigh = weigh
        self._runs = runs
        self._waiting: deque[tuple[_Item, asyncio.Future[_Result]]] = deque()
        self._weight = 0
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself does not hold them

    async def join(self, item: _Item) -> _Result:
        """Have an item done. Raises what the run has to say of it instead of a result."""
        done: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._weight += self._weigh(item)
        if not self._running or (self._weight >= self._most and self._running < self._runs):
            self._running += 1
            task = asyncio.create_task(self._run_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await done

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                load = self._load()
                dones = [done for _, done in load]
                answers: list[tuple[asyncio.Future[_Result], _Result | Exception]]
                try:
                    # Strict in here: were one not answered, whoever asked would wait for ever.
                    answers = list(zip(dones, await self._run([item for item, _ in load]), strict=True))
                except Exception as error:
                    answers = [(done, error) for done in dones]
                for done, answer in answers:
                    _settle(done, answer)
        finally:
            # In the same step in which nothing waited any more: whoever comes next must not count on this run.
            self._running -= 1

    def _load(self) -> list[tuple[_Item, "asyncio.Future[_Result]"]]:
        load, weight = [], 0
        while self._waiting and weight < self._most:
            load.append(self._waiting.popleft())
            weight += self._weigh(load[-1][0])
        self._weight -= weight
        return load


def _settle(done: "asyncio.Future[Any]", result: Any) -> None:
    if done.done():
        return  # whoever asked was told to stop waiting
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
