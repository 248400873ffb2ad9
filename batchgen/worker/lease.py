"""A worker's right to what it has claimed: for a time, renewed for as long as it works."""

import asyncio
import os
import re
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from batchgen.errors import DatabaseError
from batchgen.store import queue
from batchgen.store.queue import Lease
from batchgen.worker.ledger import Ledger

# Renewed while working, so that an image may take longer; short enough that another machine soon notices a death.
LEASE_S = 120.0
_RENEW_S = LEASE_S / 4


def worker_name() -> str:
    """Unlike every other worker's, and telling a person where to look."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


def lease(owner: str, now: datetime) -> Lease:
    """A fresh lease."""
    return Lease(owner, now + timedelta(seconds=LEASE_S))


async def keep_renewing(owner: str, ledger: Ledger, clock: Callable[[], datetime], alarm: Callable[[str], None]) -> None:
    """Renew everything the owner holds, until cancelled."""
    while True:
        await asyncio.sleep(_RENEW_S)
        fresh = lease(owner, clock())
        try:
            await ledger.write(lambda tx, fresh=fresh: queue.renew(tx, fresh))  # type: ignore[misc]
        except DatabaseError as error:
            alarm(f"leases could not be renewed: {error}")
