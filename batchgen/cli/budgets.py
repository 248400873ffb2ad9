"""The caps in force and what is left of each, for people and for programs."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchgen.core.budget import Room
    from batchgen.store.batches import Batch


def as_data(room: "Room", batches: "Sequence[Batch]", now: datetime) -> list[dict[str, Any]]:
    """What `status --json` says of the caps; amounts are USD as text, `until` is when a cap begins anew."""
    from batchgen.core.budget import Cap, freed_at
    from batchgen.core.pricing import dollars

    told = []
    for cap, amount in room.caps.of.items():
        freed = freed_at(cap, now)
        one = {"cap": cap.value, "usd": dollars(amount), "until": None if freed is None else freed.isoformat()}
        if cap is Cap.RUN:
            told.append({**one, "left_usd": dollars(amount)})
            continue
        for batch in [batch for batch in batches if not batch.simulated] if cap is Cap.BATCH else [None]:
            counted = room.counted(cap, 0 if batch is None else batch.id)
            told.append(
                {
                    **one,
                    **({} if batch is None else {"batch": batch.name}),
                    "spent_usd": dollars(counted.spent),
                    "reserved_usd": dollars(counted.reserved),
                    "unknown_usd": dollars(counted.unknown),
                    "left_usd": dollars(max(0, amount - counted.total)),
                }
            )
    return told


def lines(room: "Room", batches: "Sequence[Batch]", now: datetime) -> Iterator[str]:
    """The same for a person."""
    for told in as_data(room, batches, now):
        of = f" of {told['batch']}" if "batch" in told else ""
        if "spent_usd" not in told:
            yield f"cap {told['cap']}: ${told['usd']} for each run"
            continue
        parts = {"spent": told["spent_usd"], "reserved": told["reserved_usd"], "perhaps billed": told["unknown_usd"]}
        counted = ", ".join(f"${usd} {words}" for words, usd in parts.items())
        until = f"; anew at {datetime.fromisoformat(told['until']):%Y-%m-%d %H:%M} UTC" if told["until"] else ""
        yield f"cap {told['cap']}{of}: ${told['left_usd']} of ${told['usd']} left ({counted}){until}"
