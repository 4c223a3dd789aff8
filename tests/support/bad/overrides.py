"""Overrides from the command line that have no meaning."""

from tests.support.bad_profile import FAMILY, PLACE, BadProfile

CASES = (
    BadProfile(
        id="an override without a value",
        expected=(
            "--set tiers.high.concurrency: write PATH=VALUE, such as tiers.high.scale.max=20; quote a "
            "key that holds signs"
        ),
        overrides=("tiers.high.concurrency",),
    ),
    BadProfile(
        id="an override with nothing after the sign",
        expected=("--set tiers.high.concurrency: no value: write =null to remove the key, ='\"\"' for an empty text"),
        overrides=("tiers.high.concurrency=",),
    ),
    BadProfile(
        id="an override without a path",
        expected="--set: a key is missing at character 1: quote a key that holds dots or other signs",
        overrides=("=5",),
    ),
    BadProfile(
        id="an override with an empty step",
        expected=(
            "--set tiers..concurrency: a key is missing at character 7: quote a key that holds dots or other signs"
        ),
        overrides=("tiers..concurrency=5",),
    ),
    BadProfile(
        id="an override of a list item",
        expected=("--set tiers.high.queues[0]: an item of a list cannot be set: give the whole list, such as [a, b]"),
        overrides=("tiers.high.queues[0]=a",),
    ),
    BadProfile(
        id="an override below a list",
        expected="--set tiers.high.queues.first: tiers.high.queues is a list: give the whole list",
        overrides=("tiers.high.queues.first=a",),
    ),
    BadProfile(
        id="an override below a value",
        expected=("--set tiers.high.concurrency.min: tiers.high.concurrency is a single value: end the path there"),
        overrides=("tiers.high.concurrency.min=5",),
    ),
    BadProfile(
        id="an override of extends",
        expected="--set extends: extends belongs to the file: write another profile",
        overrides=("extends=[env/dev]",),
    ),
    BadProfile(
        id="an override of the name",
        expected="--set name: name belongs to the file: write another profile",
        overrides=("name=other",),
    ),
    BadProfile(
        id="an override with a bracket that is not closed",
        expected=(
            "--set tiers.high.queues: not valid YAML: the list or mapping in brackets is not closed: add ',' or ']'"
        ),
        overrides=("tiers.high.queues=[a",),
    ),
    BadProfile(
        id="an override with a cron expression without quotes",
        expected=("--set schedules.a.cron: not valid YAML: text cannot begin with * or &: put the value in quotes"),
        overrides=("schedules.a.cron=* * * * *",),
    ),
    BadProfile(
        id="an override with a tag",
        expected=(
            "--set tiers.high.concurrency: the tag '!!int' is not allowed: write the value plainly, in "
            "quotes if it is text"
        ),
        overrides=("tiers.high.concurrency=!!int 5",),
    ),
    BadProfile(
        id="an override of an unknown key",
        expected=("--set tiers.high.concurency: unknown key, did you mean 'concurrency'?"),
        overrides=("tiers.high.concurency=5",),
    ),
    BadProfile(
        id="an override with a wrong value",
        expected=("--set tiers.high.concurrency: must be a whole number or auto, not the text 'many'"),
        overrides=("tiers.high.concurrency=many",),
    ),
    BadProfile(
        id="an override that removes what is needed",
        expected="--set tiers.high.load: missing (arrivals): add it",
        overrides=("tiers.high.load=null",),
    ),
    BadProfile(
        id="an override of a member of a family instead of the family",
        expected=(
            "--set tiers.work-xl.concurrency tiers.work-xl: the family 'work' makes a tier of this "
            "name: move it to families.work.overrides, or rename it"
        ),
        files={PLACE: FAMILY},
        overrides=("tiers.work-xl.concurrency=5",),
    ),
)
