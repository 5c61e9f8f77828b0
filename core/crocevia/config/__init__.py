"""Settings: `crocevia.toml` read into typed records, every error at once with its path, what was expected and got."""

from crocevia.config.load import load_settings
from crocevia.config.options import Options, Policy
from crocevia.config.placeholder import placeholder_settings
from crocevia.config.secrets import Secrets
from crocevia.config.settings import (
    FILE,
    ConnectionSettings,
    CoreSettings,
    FieldSettings,
    Settings,
    build_connector,
    build_mappings,
)

__all__ = [
    "FILE",
    "ConnectionSettings",
    "CoreSettings",
    "FieldSettings",
    "Options",
    "Policy",
    "Secrets",
    "Settings",
    "build_connector",
    "build_mappings",
    "load_settings",
    "placeholder_settings",
]
