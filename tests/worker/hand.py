"""A worker that is led by hand, step by step, so that two of them can meet at every step."""

from datetime import timedelta

from worker_bench import POLICY, Bench

from batchgen.artifacts.office import Office
from batchgen.core.catalog import Catalogs, vendors
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.store import leases, queue
from batchgen.store.leases import Lease
from batchgen.store.queue import Filter
from batchgen.worker.keeping import Arrival, keep
from batchgen.worker.ledger import Ledger
from batchgen.worker.recovery import Recovery
from batchgen.worker.settle import Settler

USAGE = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=439)


def arrival(claim, *images, is_ours, usage=USAGE):
    """What came for a claim; without an image it is a refusal."""
    outcome = Outcome.SUCCEEDED if images else Outcome.REJECTED
    answer = Answer(Ending(outcome, http_status=200, usage=usage), images)
    return Arrival(claim, sum(map(len, images)), lambda: answer, lambda: is_ours)


class Hand:
    """Claims, takes answers in and settles them, each when it is told to."""

    def __init__(self, bench: Bench, owner: str, catalogs: Catalogs = vendors) -> None:
        self.owner = owner
        self._bench = bench
        self._ledger = Ledger(bench.database)
        self._settler = Settler(self._ledger, POLICY, bench.clock, catalogs)
        self._office = Office(bench.root)
        self.desk = self._office.open_desk(owner)

    def claim(self, batch, *, lease_s=120):
        """The next job, sent for; it is also returned, for who needs several."""
        # A moment later, when the backoff of a job that was given up is over.
        now = self._bench.clock() + timedelta(seconds=1)
        lease = Lease(self.owner, now + timedelta(seconds=lease_s))
        with self._bench.database.write() as tx:
            (self.job,) = queue.claim(tx, Filter([batch.id]), lease, now, lambda _: 1_000_000)
            queue.mark_sent(tx, [(self.job.job_id, self.job.attempt)], now)
        return self.job

    def take_in(self, *images, is_ours):
        """An answer comes, and is kept; without an image it is a refusal."""
        (self.kept,) = keep([arrival(self.job, *images, is_ours=is_ours)], self.desk)
        assert not isinstance(self.kept, Exception)

    async def settle(self, job=None, kept=None):
        """The ledger hears of it, or of another one that was claimed and kept."""
        return await self._settler.settle(job or self.job, kept or self.kept, self.desk)

    async def give_up_what_has_run_out(self):
        """What every worker does for those that are silent."""
        for opened in await self._ledger.read(lambda tx: leases.expired(tx, self._bench.clock())):
            await self._settler.give_up(opened)

    async def take_over(self):
        """What every start does first."""
        return await Recovery(self._office, self._settler).reclaim()

    def leave(self):
        """As a worker that ends."""
        self.desk.close()
        self._ledger.close()

    def die(self):
        """As one that is killed: its lock goes, and nothing else."""
        self.desk.close(unsettled=True)
        self._ledger.close()
