"""Rendered Compose stacks, as Compose itself reads them."""

import re

import yaml

from tests.support.in_memory import SHIPPED, artifacts, texts, write
from tests.support.need import need
from tests.support.reading import compose_config

PATH = "compose/compose.yaml"
COMPOSED = [name for name in SHIPPED if not name.startswith("prod-")]
REFERENCE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+):\?([^}]*)\}")


def document(name, *overrides, change=None):
    """The rendered file, parsed, with its references to variables."""
    return yaml.safe_load(texts(name, "compose", *overrides, change=change)[PATH])


def understood(folder, name, *overrides, change=None, **env):
    """The rendered file as Compose understands it, with the variables that it needs and the settings that it mounts."""
    need("compose")
    write(folder / "out" / name, artifacts(name, ["compose", "settings"], *overrides, change=change))
    file = folder / "out" / name / PATH
    names = {found for found, _ in REFERENCE.findall(file.read_text())}
    return compose_config(file, **{found: f"value-of-{found}" for found in names}, **env)
