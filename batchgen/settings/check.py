"""What bounds cannot say of a setting."""

from urllib.parse import urlsplit

from batchgen.core.address import masked_url
from batchgen.errors import SettingsError
from batchgen.settings.model import Settings


def check(settings: Settings) -> None:
    sources, provider, unknown = settings.sources, settings.provider, settings.retry.unknown
    if provider.name not in ("openai", "sandbox"):
        raise SettingsError(f"{sources['provider.name']}: [provider] name = {provider.name!r}: must be openai or sandbox")
    if unknown not in ("retry", "hold"):
        raise SettingsError(f"{sources['retry.unknown']}: [retry] unknown = {unknown!r}: must be retry or hold")
    wrong = _wrong_address(provider.base_url)
    if wrong:
        place = f"{sources['provider.base_url']}: [provider] base_url"
        raise SettingsError(f"{place} = {masked_url(provider.base_url)!r}: {wrong}")


def _wrong_address(url: str) -> str:
    """Why requests cannot be sent to this address, or an empty string."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("http", "https"):
        return "must begin with https:// or http://"
    if not host:
        return "names no host"
    return "must not hold a password: name the variable that holds the key in api_key_env" if "@" in parts.netloc else ""
