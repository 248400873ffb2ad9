"""The program itself, in a process that dies at a named point: `python -m torture.dying_command POINT NTH ARGUMENTS...`."""

import sys

from crash_points import POINTS

from batchgen.cli.main import main
from batchgen.worker import lease

# Leases are renewed every half a minute, and no torture waits for that.
_RENEW_S = 0.2

if __name__ == "__main__":
    lease._RENEW_S = _RENEW_S
    POINTS[sys.argv[1]].arm(int(sys.argv[2]))
    sys.argv = ["batchgen", *sys.argv[3:]]
    main()
