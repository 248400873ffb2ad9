"""What bounds cannot say of a setting."""

import difflib
from dataclasses import fields
from decimal import Decimal

from batchgen.core.budget import micros_of
from batchgen.core.prompt_rules import folded
from batchgen.errors import SettingsError
from batchgen.settings.addresses import shown, wrong_address, wrong_variable
from batchgen.settings.model import Settings


def check(settings: Settings) -> None:
    sources, provider, unknown = settings.sources, settings.provider, settings.retry.unknown
    if provider.name not in settings.provider_names:
        *first, last = settings.provider_names
        place = f"{sources['provider.name']}: [provider] name = {provider.name!r}"
        near = difflib.get_close_matches(provider.name.casefold(), settings.provider_names, n=1)
        hint = f"; do you mean {near[0]}?" if near else ""
        words = f"must be {', '.join(first)} or {last}; another one is described in [providers.NAME]"
        raise SettingsError(f"{place}: {words}{hint}")
    if unknown not in ("retry", "hold"):
        raise SettingsError(f"{sources['retry.unknown']}: [retry] unknown = {unknown!r}: must be retry or hold")
    if wrong := wrong_variable(provider.api_key_env):
        raise SettingsError(f"{sources['provider.api_key_env']}: [provider] api_key_env {wrong}")
    _check_prompts(settings)
    if wrong := wrong_address(provider.base_url):
        place = f"{sources['provider.base_url']}: [provider] base_url"
        raise SettingsError(f"{place} = {shown(provider.base_url)!r}: {wrong}")
    _check_amounts(settings)


def _check_amounts(settings: Settings) -> None:
    for key in fields(settings.budget):
        amount = getattr(settings.budget, key.name)
        try:
            micros_of(amount if isinstance(amount, Decimal) else Decimal(0))
        except ValueError as error:
            raise SettingsError(f"{settings.sources[f'budget.{key.name}']}: [budget] {key.name} = {amount}: {error}") from None


def _check_prompts(settings: Settings) -> None:
    sources, rules = settings.sources, settings.prompts
    for term in rules.blocked:
        if not folded(term):
            raise SettingsError(f"{sources['prompts.blocked']}: [prompts] blocked: {term!a} holds nothing that could be found")
    if 0 < rules.max_length < rules.min_length:
        place = f"{sources['prompts.min_length']}: [prompts] min_length = {rules.min_length}"
        raise SettingsError(f"{place}: is more than max_length, which is {rules.max_length}")
