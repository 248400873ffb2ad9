"""The simulated API: the vendor's errors, usage and headers over real HTTP on loopback, with pictures that cost nothing.

    POST /v1/images/generations     draws; refuses what the vendor refuses, in its words
    POST /v1/images/edits           draws over what is sent, as a form or as JSON; an address is accepted and never fetched
    POST /v1/images/variations      410, as at the vendor
    POST /v1/moderations            of one opinion with the two above
    GET  /v1/models                 the catalog, with what the settings say of models
    GET  /v1/images/files/NAME      an image that an answer names by link, with the option for that; no key is asked for

With `stream` both image paths answer in server-sent events; of several images each has an event that completes it, with its own
usage. Every answer carries `x-batchgen-sandbox: 1` and an `x-request-id`. Any bearer key is accepted but `sk-invalid`. A prompt
that holds the marker `[moderation]` is refused as the vendor's safety system refuses; nothing else is moderated.

Order of a request: key, body, parameters, files, moderation, limit (all answered at once), then the latency, then what `faults`
decides, then the picture. Models that the vendor has shut down are answered like others: it is the client that knows the dates.

A client that vanishes is billed like one that stays: the answer is finished and logged, as it may be at the vendor. The log
line says `client_waiting: false` if the connection was already gone when the outcome was decided; `true` promises nothing about
what arrived, since the line is written before the first byte is sent.

This package must not know who calls it. Importing it loads neither aiohttp nor Pillow; starting a `Sandbox` does.
"""

from batchgen.providers.sandbox.faults import Faults, parse_faults
from batchgen.providers.sandbox.server import Sandbox, SandboxOptions

__all__ = ["Faults", "Sandbox", "SandboxOptions", "parse_faults"]
