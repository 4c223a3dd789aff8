"""Fragments that do not exist, lead elsewhere, or go round in circles."""

from tests.support.bad_profile import GOOD, PLACE, BadProfile, fragment, fragment_folder, link_out

CASES = (
    BadProfile(
        id="an unknown fragment with a similar name",
        expected="profiles/bad.yaml:1:11 extends[0]: no fragment 'env/dve', did you mean 'env/dev'?",
        files=fragment("env/dev", "environment: dev\n", extends="env/dve"),
    ),
    BadProfile(
        id="a fragment named without its folder",
        expected="profiles/bad.yaml:1:11 extends[0]: no fragment 'redis', did you mean 'broker/redis'?",
        files=fragment("broker/redis", "environment: dev\n", extends="redis"),
    ),
    BadProfile(
        id="an unknown fragment",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: no fragment 'nothing-like-it': add profiles/nothing-like-it.yaml"
        ),
        files={PLACE: "extends: [nothing-like-it]\n" + GOOD},
    ),
    BadProfile(
        id="an unknown shipped fragment",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: no fragment 'taskgen:env/prdo', did you mean 'taskgen:env/prod'?"
        ),
        files={PLACE: 'extends: ["taskgen:env/prdo"]\n' + GOOD},
    ),
    BadProfile(
        id="a shipped fragment without its prefix",
        expected="profiles/bad.yaml:1:11 extends[0]: no fragment 'env/prod', did you mean 'taskgen:env/prod'?",
        files={PLACE: "extends: [env/prod]\n" + GOOD},
    ),
    BadProfile(
        id="a fragment with its suffix",
        expected="profiles/bad.yaml:1:11 extends[0]: no fragment 'env/dev.yaml': leave out '.yaml'",
        files=fragment("env/dev", "environment: dev\n", extends="env/dev.yaml"),
    ),
    BadProfile(
        id="a profile that extends itself",
        expected="profiles/bad.yaml:1:11 extends[0]: a cycle: bad -> bad: remove one of these",
        files={PLACE: "extends: [bad]\n" + GOOD},
    ),
    BadProfile(
        id="a cycle of fragments",
        expected="profiles/env/b.yaml:2:3 extends[0]: a cycle: env/a -> env/b -> env/a: remove one of these",
        files={**fragment("env/a", "extends: [env/b]\n"), "profiles/env/b.yaml": "extends:\n- env/a\n"},
    ),
    BadProfile(
        id="a path that leads upwards",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: '../secret' leads out of the profiles folder: names are relative to it"
        ),
        files={PLACE: "extends: [../secret]\n" + GOOD},
    ),
    BadProfile(
        id="an absolute path",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: '/etc/passwd' leads out of the profiles folder: names "
            "are relative to it"
        ),
        files={PLACE: "extends: [/etc/passwd]\n" + GOOD},
    ),
    BadProfile(
        id="a path with backslashes",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: 'env\\\\dev' leads out of the profiles folder: names are relative to it"
        ),
        files={PLACE: "extends: [env\\dev]\n" + GOOD},
    ),
    BadProfile(
        id="a fragment that is a link out of the profiles folder",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: a symbolic link leads out of the profiles folder: copy the file into it"
        ),
        files={PLACE: "extends: [env/dev]\n" + GOOD},
        prepare=link_out,
    ),
    BadProfile(
        id="a folder where a fragment should be",
        expected="profiles/env/dev.yaml:1:1 a folder, not a file: remove it, or write the profile beside it",
        files={PLACE: "extends: [env/dev]\n" + GOOD},
        prepare=fragment_folder,
    ),
    BadProfile(
        id="extends that is no list",
        expected="profiles/bad.yaml:1:10 extends: must be a list of fragments: write [env/dev]",
        files={PLACE: "extends: env/dev\n" + GOOD},
    ),
    BadProfile(
        id="extends that holds a number",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: no fragment 'env/dev', did you mean 'taskgen:env/dev'?\n"
            "profiles/bad.yaml:1:20 extends[1]: must be the name of a fragment, such as env/prod"
        ),
        files={PLACE: "extends: [env/dev, 5]\n" + GOOD},
    ),
    BadProfile(
        id="a mistake in a fragment",
        expected="profiles/env/dev.yaml:2:14 monitoring.dashbords: unknown key, did you mean 'dashboards'?",
        files=fragment("env/dev", "# shared\nmonitoring: {dashbords: true}\n"),
    ),
    BadProfile(
        id="mistakes in two files at once",
        expected=(
            "profiles/env/dev.yaml:1:26 monitoring.dashboards: must be true or false, not the number 5\n"
            "profiles/env/dev.yaml:2:1 colapse_tiers: unknown key, did you mean 'collapse_tiers'?"
        ),
        files=fragment("env/dev", "monitoring: {dashboards: 5}\ncolapse_tiers: true\n"),
    ),
)
