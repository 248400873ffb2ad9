"""Properties are checked with the same examples everywhere, so that a red test is red for everybody."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "exports", deadline=None, derandomize=True, database=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("exports")
