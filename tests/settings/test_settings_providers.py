"""Providers by name: what can be said of one, what counts before it, and what is refused in which words."""

from datetime import date
from decimal import Decimal

import pytest

from batchgen.core import pricing
from batchgen.core.dialect import Dialect
from batchgen.errors import SettingsError
from batchgen.project.makers import Makers
from batchgen.settings import load as loading

AZURE = """
[providers.azure]
base_url = "https://shop.openai.azure.com/openai"
api_key_env = "AZURE_KEY"
key_header = "api-key"
headers = { X-Team = "shop", X-Token = "env:TEAM_TOKEN" }
query = { api-version = "2025-04-01-preview" }
paths = { generations = "deployments/{model}/images/generations", models = "models" }
reply = "b64_json"
edits = "json"
accepts = ["style", "quality", "loraWeight"]
variations = true
idempotency_header = "Idempotency-Key"
timeout_s = 90
private_links = true
[providers.azure.limits]
images_per_minute = 7
"""
LEAST = '[providers.azure]\nbase_url = "http://localhost:1/v1"\napi_key_env = ""\n'


@pytest.fixture
def load(tmp_path):
    """Load settings in an empty folder."""

    def run(config, *, environment=None, options=None):
        (tmp_path / "config.toml").write_text(config, encoding="utf-8")
        return loading.load(None, options or {}, environment or {}, tmp_path)

    return run


def test_everything_that_can_be_said(load):
    """Each key arrives where it is used, and the built-in provider stays beside it."""
    settings = load(f'[provider]\nname = "azure"\n{AZURE}')
    azure = settings.providers["azure"]
    assert (azure.base_url, azure.api_key_env, azure.timeout_s, azure.private_links) == (
        "https://shop.openai.azure.com/openai",
        "AZURE_KEY",
        90.0,
        True,
    )
    assert azure.dialect == Dialect(("style", "quality", "loraWeight"), variations=True, json_edits=True)
    assert (azure.wire.key_header, azure.wire.idempotency_header, azure.wire.reply) == (
        "api-key",
        "Idempotency-Key",
        "b64_json",
    )
    assert azure.wire.query == {"api-version": "2025-04-01-preview"}
    assert azure.wire.paths["generations"] == "deployments/{model}/images/generations"
    assert azure.variables == ("AZURE_KEY", "TEAM_TOKEN")
    assert (azure.limits.images_per_minute, azure.limits.concurrency) == (7, 32)
    assert settings.provider_names == ("openai", "sandbox", "azure")
    assert settings.providers["openai"].dialect == Dialect(official=True)
    assert load('[provider]\nbase_url = "http://localhost:1/v1"\n').providers["openai"].dialect == Dialect()


def test_secrets_are_what_stands_in_the_environment(load):
    """Of headers and query, and neither what a settings file holds nor the key, which has a place of its own."""
    wire = load(AZURE).providers["azure"].revealed({"TEAM_TOKEN": "of-the-team"}.__getitem__)
    assert (wire.headers, wire.secrets) == ({"X-Team": "shop", "X-Token": "of-the-team"}, ("of-the-team",))
    assert "of-the-team" not in repr(wire)


def test_the_least_that_must_be_said(load):
    """An address and whose key: all else is as the vendor has it, and limits and timeout are those of the other tables."""
    config = f"[limits]\nimages_per_minute = 9\n[provider]\ntimeout_s = 50\nprivate_links = true\n{LEAST}"
    azure = load(config).providers["azure"]
    assert (azure.limits.images_per_minute, azure.timeout_s, azure.variables) == (9, 50.0, ())
    # A door into one's own network is opened for each provider by itself.
    assert not azure.private_links


@pytest.mark.parametrize(
    ("given", "limit", "timeout_s"),
    [
        ({}, 7, 90.0),
        ({"environment": {"BATCHGEN_LIMITS__IMAGES_PER_MINUTE": "3", "BATCHGEN_PROVIDER__TIMEOUT_S": "4"}}, 3, 4.0),
        ({"options": {"limits.images_per_minute": 0, "provider.timeout_s": 5.0}}, 0, 5.0),
    ],
)
def test_what_counts_before_the_table_of_a_provider(load, given, limit, timeout_s):
    """It stands in the place of the file's [limits] and timeout: an option and the environment count before both."""
    azure = load(f"[limits]\nimages_per_minute = 9\n{AZURE}", **given).providers["azure"]
    assert (azure.limits.images_per_minute, azure.timeout_s) == (limit, timeout_s)


SECRET = "sk-live-Zq7vT2mX9wLr4KpD8sHn3B"

WRONG = [
    ('[provider]\nname = "azure"', "[provider] name = 'azure': must be openai or sandbox; another one is described in [pro"),
    (f'[provider]\nname = "b"\n{LEAST}', "[provider] name = 'b': must be openai, sandbox or azure"),
    (f'[provider]\nname = "Azure"\n{LEAST}', "described in [providers.NAME]; do you mean azure?"),
    ("providers = 1", "config.toml: providers must be a table"),
    ("[providers]\nazure = 1", "[providers.azure] must be a table"),
    ('[providers."a/b"]', "[providers.a/b]: the name of a provider is 40 letters, digits"),
    ("[providers.openai]", "openai is built in, and its keys stand in [provider]; choose another name"),
    ("[providers.Sandbox]", "Sandbox is built in, and its keys stand in [sandbox]"),
    ("[providers.azure]\napi_key_env = ''", '[providers.azure] base_url is missing: say where its API is, like base_url = "h'),
    ("[providers.azure]\nbase_url = 'https://a.b/'", '[providers.azure] api_key_env is missing: name the variable that holds'),
    (f"{LEAST}quirks = 1", "[providers.azure] quirks is not a key of a provider; the nearest is"),
    (f"{LEAST}header = {{}}", "header is not a key of a provider; the nearest is headers"),
    (f"{LEAST}headers = {{ A = 1 }}", "[providers.azure] headers: Expected `str`, got `int`"),
    (f"{LEAST}reply = 'png'", "[providers.azure] reply: Invalid enum value 'png'"),
    (f"{LEAST}edits = 'xml'", "[providers.azure] edits: Invalid enum value 'xml'"),
    (f"{LEAST}timeout_s = 0", "[providers.azure] timeout_s: Expected `float` > 0"),
    (f"{LEAST}variations = 'yes'", "[providers.azure] variations: Expected `bool`, got `str`"),
    (f"{LEAST}accepts = 'style'", "[providers.azure] accepts: Expected `array`, got `str`"),
    (f"{LEAST}accepts = ['prompt']", "accepts: 'prompt' has a meaning of its own here"),
    (f"{LEAST}accepts = ['image_2']", "accepts: 'image_2' has a meaning of its own here"),
    (f"{LEAST}accepts = ['N']", "accepts: 'N' has a meaning of its own here"),
    (f"{LEAST}accepts = ['stream']", "accepts: 'stream' has a meaning of its own here"),
    (f"{LEAST}accepts = ['partial_images']", "accepts: 'partial_images' has a meaning of its own here"),
    (f"{LEAST}accepts = ['two words']", "accepts: 'two words' is no name of a field: letters, digits and _"),
    (f"{LEAST}[providers.azure.limits]\nimages = 1", "[providers.azure.limits] images is not a limit; the nearest is"),
    (f"{LEAST}[providers.azure.limits]\nconcurrency = 0", "[providers.azure.limits] concurrency: Expected `int` >= 1"),
    (f"{LEAST}paths = {{ images = 'x' }}", "paths.images is not a path that is asked for; there are generations, edits, var"),
    (f"{LEAST}paths = {{ edits = 'x?v=1' }}", "paths.edits = 'x?v=1': must be a path below base_url, like \"images/edits\""),
    (f"{LEAST}paths = {{ edits = 'https://a.b/c' }}", "paths.edits = 'https://a.b/c': must be a path below base_url"),
    (f"{LEAST}paths = {{ edits = '/' }}", "paths.edits = '/': must be a path below base_url"),
    (f"{LEAST}paths = {{ edits = '{{deployment}}/edits' }}", "paths.edits = '{deployment}/edits': {model} is all that can st"),
    (f"{LEAST}paths = {{ models = '{{model}}' }}", "paths.models = '{model}': must not hold braces, since no model"),
    (f"{LEAST}headers = {{ 'X Y' = 'z' }}", "[providers.azure] headers: must be the name of a header alone, like"),
    (f"{LEAST}headers = {{ Host = 'z' }}", "[providers.azure] headers: Host is set by the program itself"),
    (f"{LEAST}key_header = 'a b'", "[providers.azure] key_header: must be the name of a header alone, like"),
    (f"{LEAST}query = {{ v = '' }}", "[providers.azure] query.v must be a text of printable ASCII characters"),
    (f"{LEAST}headers = {{ v = 'a\\nb' }}".replace("'a\\nb'", '"a\\nb"'), "headers.v must be a text of printable ASCII"),
]  # fmt: skip


PRICED = "price = { text_in = 1, image_in = 2, image_out = 3 }"
MODELS = [
    ("models = 7", "[providers.azure] models: Expected `object`, got `int`"),
    ("[providers.azure.models]\nbig = 7", '[providers.azure.models."big"] must be a table with the facts of a model'),
    (f"[providers.azure.models.big]\n{PRICED}", '[providers.azure.models."big"] is not in the catalog: say its qualities and'),
    ("[providers.azure.models.gpt-image-2]\ncost = 1", '[providers.azure.models."gpt-image-2"] cost is no fact of a model'),
    (
        "[providers.azure.models.gpt-image-2]\nprice = { text_in = 1 }",
        '[providers.azure.models."gpt-image-2"] price: say image_in and image_out as well',
    ),
    ("[providers.azure.models.gpt-image-2]\ntokens_like = 'x'", "[providers.azure.models.\"gpt-image-2\"] tokens_like = 'x'"),
]
WRONG += [(f"{LEAST}{lines}", told) for lines, told in MODELS]


def test_a_provider_has_prices_of_its_own(load):
    """Laid over those of [models], which others have; of what it does not say, all is as everywhere."""
    general = "[models.gpt-image-2]\nprice = { text_in = 9, image_in = 9, image_out = 9 }\nbatch_part = 0.25\n"
    own = f"[providers.azure.models.gpt-image-2]\n{PRICED}\n[providers.azure.models.big]\nqualities = ['low']\nsizes = 'free'\n"
    settings = load(f"{general}{LEAST}{own}[providers.other]\nbase_url = 'https://a.b'\napi_key_env = ''\n")
    azure = settings.dialect("azure").catalog
    day = date(2026, 11, 21)
    assert [pricing.price_on("gpt-image-2", day, one).image_out for one in (azure, settings.catalog)] == [3, 9]
    assert azure.find("gpt-image-2").batch_part == Decimal("0.25")
    assert (azure.find("big").qualities, settings.catalog.find("big")) == (("low",), None)
    assert all(settings.dialect(name).catalog is settings.catalog for name in ("openai", "other", "sandbox", "gone"))
    assert azure.find("gpt-image-1.5") is settings.catalog.find("gpt-image-1.5")


@pytest.mark.parametrize(("config", "told"), WRONG)
def test_what_cannot_be_said(load, config, told):
    """Every wrong key and value is an error with its place and the way out."""
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert told in str(caught.value)
    assert "config.toml: " in str(caught.value)


KEYS_IN_PLACE = [
    (f"headers = {{ Authorization = 'Bearer {SECRET}' }}", "headers.Authorization may be a key, which has no place"),
    (
        "headers = { api-key = 'short' }",
        'headers.api-key may be a key, which has no place in settings: name its variable, as "env',
    ),
    (f"headers = {{ X-Team = '{SECRET}' }}", "headers.X-Team may be a key"),
    (f"query = {{ code = '{SECRET}' }}", "query.code may be a key"),
    ("query = { subscription-key = 'short' }", "query.subscription-key may be a key"),
    (
        f"headers = {{ X-Team = 'env:{SECRET}' }}",
        "must name the variable that holds the key; what it holds is no name and is not s",
    ),
    ("headers = { X-Team = 'env:' }", 'what it holds is no name and is not shown; write "env:NAME"'),
]


@pytest.mark.parametrize(("line", "told"), KEYS_IN_PLACE)
def test_a_key_has_no_place_in_settings(load, line, told):
    """What may be one is refused where it stands, and never repeated."""
    with pytest.raises(SettingsError) as caught:
        load(LEAST + line)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (f"api_key_env = '{SECRET}'\nbase_url = 'https://a.b'", "api_key_env must name the variable"),
        (
            f"api_key_env = ''\nbase_url = 'https://me:{SECRET}@a.b'",
            "base_url = 'https://me:***@a.b': must not hold a password",
        ),
        (f"api_key_env = ''\nbase_url = 'https://a.b?key={SECRET}'", "base_url = 'https://a.b': must end before any ?"),
        (f"api_key_env = ''\nbase_url = 'https://a.b'\nkey_header = 'x {SECRET}'", "must be the name of a header alone"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(load, line, place):
    """Nor where an address, a variable or a header is named."""
    with pytest.raises(SettingsError) as caught:
        load(f"[providers.azure]\n{line}")
    assert place in str(caught.value)
    assert SECRET not in str(caught.value)


def test_defaults_may_hold_what_a_provider_accepts(load):
    """As it is, whatever the vendor says of it; rows of others are told on their lines."""
    defaults = '[defaults]\nquality = "hd"\nstyle = "vivid"\nseed = 7\n'
    found = load(f"{defaults}{LEAST}accepts = ['style', 'quality', 'seed']")
    assert dict(found.defaults) == {"quality": "hd", "style": "vivid", "seed": 7}
    for config in (
        f"{defaults}{LEAST}",
        f"{defaults}{LEAST}accepts = 7",
        f"{defaults}[providers]\nazure = 7",
        f"{defaults}providers = 7",
    ):
        with pytest.raises(SettingsError):
            load(config)
    with pytest.raises(SettingsError, match=r"\[defaults\] style = \['a'\]: must be a text, a number or a truth value"):
        load(f"[defaults]\nstyle = ['a']\n{LEAST}accepts = ['style']")


def test_nobody_knows_the_prices_of_a_provider_that_is_gone(load):
    """What it made is of unknown cost, not of the vendor's; who needs no description has the vendor's models."""
    makers = Makers(load(LEAST))
    for name, is_known in [("azure", True), ("openai", True), ("sandbox", True), ("", True), ("gone", False)]:
        assert (makers.catalog(name).find("gpt-image-2.5-flare") is not None) is is_known, name
