"""How often readers are tried: ever the same few changes, or on demand many and other ones.

`--hypothesis-profile=long` tries 50 times as many changes, other ones at every run.
"""

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = 12

_COMMON = settings(
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("short", _COMMON, max_examples=EXAMPLES, derandomize=True)
settings.register_profile("long", _COMMON, max_examples=50 * EXAMPLES)


def pytest_configure(config):
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("short")
