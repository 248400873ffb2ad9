"""Where the requests of one provider go, and what goes with them beside their bodies."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from batchgen.core.dialect import EDITS, GENERATIONS, MODELS, MODERATIONS, PATHS, VARIATIONS, Wire
from batchgen.core.request import EDIT, GENERATE, VARIATION, Request

_PATH_OF = {GENERATE: GENERATIONS, EDIT: EDITS, VARIATION: VARIATIONS}
_REPLY = "response_format"
# A shorter value is no key, and to take it out of what a server says would spoil the words.
_SHORTEST_SECRET = 8


class Asking:
    """A base URL (`https://api.openai.com/v1`) with a key, asked over a wire. An empty key is not sent."""

    def __init__(self, base_url: str, key: str, wire: Wire) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._wire = wire
        self._query = f"?{urlencode(wire.query)}" if wire.query else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no server shall get into anything by repeating it."""
        # A header like `Bearer sk-...` is repeated without its first word.
        parts = (part for value in self._wire.secrets for part in (value, *value.split()))
        return tuple(value for value in (self._key, *(one for one in parts if len(one) >= _SHORTEST_SECRET)) if value)

    @property
    def models_url(self) -> str:
        """Where the account's models are listed."""
        return self._url(MODELS)

    @property
    def moderations_url(self) -> str:
        """Where prompts are judged, for nothing."""
        return self._url(MODERATIONS)

    def url(self, request: Request) -> str:
        """Where a request goes."""
        return self._url(_PATH_OF[request.operation], request.model)

    def headers(self, label: str = "", once: str = "") -> Mapping[str, str]:
        """What goes before a body: the key, a label for the provider's support, and what tells a second try from a new wish."""
        wire = self._wire
        key = {wire.key_header: self._key} if wire.key_header else {"Authorization": f"Bearer {self._key}"}
        headers = {**wire.headers, **(key if self._key else {})}
        if label:
            headers["X-Client-Request-Id"] = label
        if once and wire.idempotency_header:
            headers[wire.idempotency_header] = once
        return headers

    def worded(self, request: Request) -> Request:
        """The request with what this provider wants to be asked for besides; what the row says counts before it."""
        if not self._wire.reply:
            return request
        return replace(request, parameters={_REPLY: self._wire.reply, **request.parameters})

    def _url(self, path: str, model: str = "") -> str:
        template = self._wire.paths.get(path, PATHS[path]).strip("/")
        return f"{self._base_url}/{template.replace('{model}', quote(model, safe=''))}{self._query}"
