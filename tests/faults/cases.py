"""The table of all cases, in the order of the page."""

from .case import Case
from .pools import POOLS
from .replies import REPLIES
from .speed import SPEED
from .statuses import STATUSES
from .streams import STREAMS
from .transport import TRANSPORT

CASES: dict[str, tuple[Case, ...]] = {
    "Statuses": STATUSES,
    "Speed": SPEED,
    "Connections": TRANSPORT,
    "Replies of success": REPLIES,
    "Streams": STREAMS,
    "One fault and the other jobs": POOLS,
}
