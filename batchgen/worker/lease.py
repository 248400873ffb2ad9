"""A worker's right to what it has claimed: for a time, renewed for as long as it works."""

import asyncio
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from batchgen.errors import DatabaseError
from batchgen.store import leases
from batchgen.store.leases import Lease
from batchgen.worker.ledger import Ledger

# Renewed while working, so that an image may take longer; short enough that another machine soon notices a death.
LEASE_S = 120.0
_RENEW_S = LEASE_S / 4


def seconds() -> float:
    """A clock that only goes forward, also while the machine sleeps, where the system has one: leases run out then too."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def worker_name() -> str:
    """Unlike every other worker's, and telling a person where to look."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class Leases:
    """What a worker holds, renewed for as long as it works. `clock` gives aware UTC times."""

    def __init__(self, owner: str, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self.owner = owner
        self._ledger = ledger
        self._clock = clock
        self._renewed_at = seconds() - LEASE_S

    def fresh(self) -> Lease:
        """A lease from now on."""
        return Lease(self.owner, self._clock() + timedelta(seconds=LEASE_S))

    def cover(self, claimed_at: float) -> bool:
        """Whether what was claimed at a moment of `seconds` is this worker's for certain: nobody can have taken it over yet."""
        return seconds() - max(claimed_at, self._renewed_at) < LEASE_S / 2

    async def keep_renewing(self, alarm: Callable[[str], None]) -> None:
        """Renew everything the owner holds, until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_S)
            fresh, began = self.fresh(), seconds()
            try:
                await self._ledger.write(lambda tx, fresh=fresh: leases.renew(tx, fresh))  # type: ignore[misc]
            except DatabaseError as error:
                alarm(f"leases could not be renewed: {error}")
            else:
                self._renewed_at = began
