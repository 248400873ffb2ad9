"""Who makes images, by the names of the settings: their keys, their limits, and the way to ask them.

The HTTP client is imported where somebody is asked: `status` and `export` do not wait for it.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

from batchgen.core.catalog import Catalog
from batchgen.core.dialect import OPENAI, SANDBOX
from batchgen.core.pace import Limits
from batchgen.errors import WrongUsage
from batchgen.settings.model import LimitSettings, Settings
from batchgen.store.batches import Batch

if TYPE_CHECKING:
    from batchgen.providers.openai import OpenAI
    from batchgen.providers.sandbox import Faults
    from batchgen.providers.simulated import Simulated

# Nobody waits longer for what is only good to know.
_SOON_S = 20.0
_UNKNOWN = Catalog(())


class Makers:
    """All that can be asked by these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def chosen(self) -> str:
        """Who makes what names nobody, in this command."""
        return self._settings.provider.name

    def named(self, words: Collection[str]) -> list[str]:
        """Who makes rows that name these, for real; the empty word is that of rows without one."""
        return [] if self.chosen == SANDBOX else sorted({word or self.chosen for word in words})

    def owner(self, batch: Batch) -> str:
        """Who makes the jobs of a batch that name nobody."""
        return SANDBOX if batch.simulated else batch.provider or self.chosen

    def of_batches(self, batches: Sequence[Batch]) -> list[str]:
        """Those that these batches can have to do with."""
        real = self._settings.providers if any(not batch.simulated for batch in batches) else ()
        return [*real, *([SANDBOX] if any(batch.simulated for batch in batches) else [])]

    def lacks(self, name: str) -> list[str]:
        """The variables that hold this one's key, and what else it is sent, and are not set."""
        return [one for one in self._settings.providers[name].variables if not self._settings.secrets.reveal(one)]

    def fault(self, name: str) -> str:
        """Why it cannot be asked, with the way to get going: nobody knows it any more, or its key lacks; empty if it can."""
        if name == SANDBOX:
            return ""
        if name not in self._settings.providers:
            place = f"[providers.{name}] of the settings"
            return f"jobs are to be made by {name}, which nobody knows any more: describe it in {place}"
        whose = "" if name == OPENAI and self.chosen in (OPENAI, SANDBOX) else f" for {name}"
        for variable in self.lacks(name):
            return (
                f"there is no API key{whose}: set {variable} in the environment or in a file .env here; "
                "to try everything without a key and for nothing, add --provider sandbox"
            )
        return ""

    def require(self, names: Collection[str]) -> None:
        """Raises WrongUsage where one of these cannot be asked, or the sandbox is chosen with faults that nobody knows."""
        if self.chosen == SANDBOX:
            self._faults()
        for name in names:
            if fault := self.fault(name):
                raise WrongUsage(fault)

    def limits(self, name: str) -> Limits:
        """The account's limits as they are configured."""
        told = self.told_limits(name)
        return Limits(told.images_per_minute, told.requests_per_minute, told.tokens_per_minute, told.images_per_day)

    def told_limits(self, name: str) -> LimitSettings:
        """The same as it was told, with how many requests may be out at once."""
        return self._settings.limits if name == SANDBOX else self._settings.providers[name].limits

    def catalog(self, name: str) -> Catalog:
        """Its models, and what they cost there: nobody knows that of a provider whose table is gone."""
        if name not in ("", OPENAI, SANDBOX) and name not in self._settings.providers:
            return _UNKNOWN
        return self._settings.dialect(name).catalog

    def account(self, name: str) -> str:
        """Whose limits hold: the provider's address, and the name under which the key is kept, stand for the account."""
        if name == SANDBOX:
            return SANDBOX
        told = self._settings.providers[name]
        return f"{told.base_url.rstrip('/')} {told.api_key_env}".rstrip()

    def asked(self, name: str) -> "OpenAI | Simulated":
        """A provider, to be opened and closed."""
        from batchgen.providers.sandbox import SandboxOptions
        from batchgen.providers.simulated import Simulated

        if name != SANDBOX:
            return self._real(name, self._settings.providers[name].timeout_s)
        sandbox, faults = self._settings.sandbox, self._faults()
        options = SandboxOptions(sandbox.latency_s, sandbox.images_per_minute, faults, catalog=self._settings.catalog)
        return Simulated(options, timeout_s=self._settings.provider.timeout_s)

    def _faults(self) -> "Faults":
        from batchgen.providers.sandbox import parse_faults

        try:
            return parse_faults(self._settings.sandbox.faults)
        except WrongUsage as error:
            raise WrongUsage(f"{self._settings.sources['sandbox.faults']}: [sandbox] faults: {error}") from None

    async def models(self, name: str) -> dict[str, date | None] | str:
        """What a provider says of its models, or why that cannot be known."""
        asked = self._real(name, _SOON_S)
        await asked.open()
        try:
            return await asked.models()
        finally:
            await asked.close()

    def _real(self, name: str, timeout_s: float) -> "OpenAI":
        from batchgen.providers.openai import OpenAI

        told, reveal = self._settings.providers[name], self._settings.secrets.reveal
        key, wire = reveal(told.api_key_env), told.revealed(reveal)
        ways = {"private_links": told.private_links, "json_edits": told.dialect.json_edits}
        return OpenAI(told.base_url, key, timeout_s=timeout_s, wire=wire, **ways)
