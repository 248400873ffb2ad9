"""What bounds cannot say of a setting."""

import re
from urllib.parse import urlsplit

from batchgen.core.address import masked_url
from batchgen.core.prompt_rules import folded
from batchgen.errors import SettingsError
from batchgen.settings.model import Settings

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|")


def check(settings: Settings) -> None:
    sources, provider, unknown = settings.sources, settings.provider, settings.retry.unknown
    if provider.name not in ("openai", "sandbox"):
        raise SettingsError(f"{sources['provider.name']}: [provider] name = {provider.name!r}: must be openai or sandbox")
    if unknown not in ("retry", "hold"):
        raise SettingsError(f"{sources['retry.unknown']}: [retry] unknown = {unknown!r}: must be retry or hold")
    if not _NAME.fullmatch(provider.api_key_env):
        place = f"{sources['provider.api_key_env']}: [provider] api_key_env"
        raise SettingsError(f"{place} must name the variable that holds the key; what it holds is no name and is not shown")
    _check_prompts(settings)
    wrong = _wrong_address(provider.base_url)
    if wrong:
        place = f"{sources['provider.base_url']}: [provider] base_url"
        shown = re.split(r"[?#]", masked_url(provider.base_url))[0]
        raise SettingsError(f"{place} = {shown!r}: {wrong}")


def _check_prompts(settings: Settings) -> None:
    sources, rules = settings.sources, settings.prompts
    for term in rules.blocked:
        if not folded(term):
            raise SettingsError(f"{sources['prompts.blocked']}: [prompts] blocked: {term!a} holds nothing that could be found")
    if 0 < rules.max_length < rules.min_length:
        place = f"{sources['prompts.min_length']}: [prompts] min_length = {rules.min_length}"
        raise SettingsError(f"{place}: is more than max_length, which is {rules.max_length}")


def _wrong_address(url: str) -> str:
    """Why requests cannot be sent to this address, or an empty string."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        # The words of the error repeat a part of the address, which may be that of a password.
        return "is no address: its host or its port cannot be read"
    if parts.scheme not in ("http", "https"):
        return "must begin with https:// or http://"
    if not host:
        return "names no host"
    if "@" in parts.netloc:
        return "must not hold a password: name the variable that holds the key in api_key_env"
    # Nothing could be put behind it, and a key may stand in it.
    return "must end before any ? or #, which are not shown here" if "?" in url or "#" in url else ""
