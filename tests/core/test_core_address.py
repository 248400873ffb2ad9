"""URLs that are shown hold no secret."""

import pytest

from batchgen.core.address import masked_url

MASKED = [
    ("sqlite:///batchgen.db", "sqlite:///batchgen.db"),
    ("postgresql://me@host/name", "postgresql://me@host/name"),
    ("postgresql://me:secret@host:5432/name", "postgresql://me:***@host:5432/name"),
    ("postgresql://me:se:cr@et@host/name", "postgresql://me:***@host/name"),
    ("postgresql://:secret@host/name", "postgresql://:***@host/name"),
    (
        "postgresql://host/name?user=me&password=secret&sslmode=require",
        "postgresql://host/name?user=me&password=***&sslmode=require",
    ),
    ("postgresql://host/name?sslpassword=secret", "postgresql://host/name?sslpassword=***"),
    ("postgresql://h/x?password=se@cr:et&user=me@h", "postgresql://h/x?password=***&user=me@h"),
    ("postgresql://me:s?cr@et@host/name", "postgresql://me:***@host/name"),
    (
        "postgresql://host/name?passwd=secret&oauth_client_secret=secret",
        "postgresql://host/name?passwd=***&oauth_client_secret=***",
    ),
    ("https://me:secret@gateway/v1", "https://me:***@gateway/v1"),
    ("https://api.openai.com/v1", "https://api.openai.com/v1"),
    ("", ""),
    ("nonsense", "nonsense"),
]


@pytest.mark.parametrize(("url", "shown"), MASKED)
def test_passwords_of_urls_are_masked(url, shown):
    """What `batchgen config` shows can be pasted into a ticket."""
    assert masked_url(url) == shown
