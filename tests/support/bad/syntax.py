"""What is no YAML, or more YAML than a profile may be."""

from tests.support.bad_profile import DEEP_ALIASES, GOOD, LAUGHS, PLACE, BadProfile, added, changed

CASES = (
    BadProfile(
        id="a tab as indentation",
        expected="profiles/bad.yaml:12:1 a tab cannot indent: use spaces",
        files=changed("    concurrency: 4", "\tconcurrency: 4"),
    ),
    BadProfile(
        id="a key that is given twice",
        expected=(
            "profiles/bad.yaml:13:5 tiers.high.concurrency: this key is given twice, first at "
            "profiles/bad.yaml:12:5: remove one of them"
        ),
        files=changed("    concurrency: 4\n", "    concurrency: 4\n    concurrency: 5\n"),
    ),
    BadProfile(
        id="a top-level key that is given twice",
        expected=(
            "profiles/bad.yaml:16:1 app: this key is given twice, first at profiles/bad.yaml:3:1: remove one of them"
        ),
        files=added("app: {name: other}\n"),
    ),
    BadProfile(
        id="a bracket that is not closed",
        expected=(
            "profiles/bad.yaml:12:16 not valid YAML: the list or mapping in brackets is not closed: add ',' or ']'"
        ),
        files=changed("queues: [default]", "queues: [default"),
    ),
    BadProfile(
        id="a quote that is not closed",
        expected=("profiles/bad.yaml:5:11 not valid YAML: the text in quotes is not closed: add the closing quote"),
        files=changed("module: docflow.tasks", "module: 'docflow.tasks"),
    ),
    BadProfile(
        id="a colon inside a plain value",
        expected=(
            "profiles/bad.yaml:5:18 not valid YAML: a ':' where no key can stand: indent like the lines "
            "above, or put the value in quotes"
        ),
        files=changed("module: docflow.tasks", "module: docflow: tasks"),
    ),
    BadProfile(
        id="a line that is indented too far",
        expected=(
            "profiles/bad.yaml:2:14 not valid YAML: a ':' where no key can stand: indent like the lines "
            "above, or put the value in quotes"
        ),
        files=changed("environment: dev", "  environment: dev"),
    ),
    BadProfile(
        id="a line that is not indented enough",
        expected=(
            "profiles/bad.yaml:14:4 not valid YAML: the indentation fits nothing above: indent like the "
            "lines that belong together"
        ),
        files=changed("    load: {", "   load: {"),
    ),
    BadProfile(
        id="a key without a colon",
        expected=(
            "profiles/bad.yaml:3:1 not valid YAML: a key without ':': add it, or indent the line as part "
            "of the value above"
        ),
        files=changed("environment: dev", "environment"),
    ),
    BadProfile(
        id="a value that begins with an at sign",
        expected="profiles/bad.yaml:5:11 not valid YAML: text cannot begin with @: put the value in quotes",
        files=changed("module: docflow.tasks", "module: @docflow"),
    ),
    BadProfile(
        id="a cron expression without quotes",
        expected=("profiles/bad.yaml:16:39 not valid YAML: text cannot begin with * or &: put the value in quotes"),
        files=added("schedules: {nightly: {task: t, cron: * * * * *}}\n"),
    ),
    BadProfile(
        id="an alias without an anchor",
        expected=(
            "profiles/bad.yaml:11:14 tiers.high.queues[0]: no anchor for the alias '*default': quote "
            "text that begins with '*'"
        ),
        files=changed("queues: [default]", "queues: [*default]"),
    ),
    BadProfile(
        id="a glob without quotes as a key",
        expected=("profiles/bad.yaml:17:3 tasks: no anchor for the alias '*_export:': quote text that begins with '*'"),
        files=added("tasks:\n  *_export: {time_limit: 2h}\n"),
    ),
    BadProfile(
        id="an alias inside its own anchor",
        expected=(
            "profiles/bad.yaml:11:17 tiers.high.queues[0]: the alias '*q' stands inside its own anchor: remove it"
        ),
        files=changed("queues: [default]", "queues: &q [*q]"),
    ),
    BadProfile(
        id="aliases that multiply",
        expected=(
            "profiles/bad.yaml:5:8 e: more than 20000 values, aliases expanded: split the profile into fragments"
        ),
        files={PLACE: LAUGHS},
    ),
    BadProfile(
        id="aliases that nest",
        expected="profiles/bad.yaml:2:34 b: nested deeper than 40 levels: flatten it",
        files={PLACE: DEEP_ALIASES},
    ),
    BadProfile(
        id="deep nesting",
        expected="profiles/bad.yaml:1:43 a: nested deeper than 40 levels: flatten it",
        files={PLACE: "a: " + "[" * 100_000},
    ),
    BadProfile(
        id="more values than a profile can have",
        expected=(
            "profiles/bad.yaml:1:40001 a: more than 20000 values, aliases expanded: split the profile into fragments"
        ),
        files={PLACE: "a: [" + "1," * 30_000 + "1]\n"},
    ),
    BadProfile(
        id="a very long value",
        expected="profiles/bad.yaml:1:7 name: a value of 70000 characters: at most 65536 are allowed",
        files={PLACE: "name: " + "x" * 70_000},
    ),
    BadProfile(
        id="a very long key",
        expected="profiles/bad.yaml:1:3 a key of 300 characters: at most 255 are allowed",
        files={PLACE: "? " + "x" * 300 + "\n: 1\n"},
    ),
    BadProfile(
        id="a merge key",
        expected=(
            "profiles/bad.yaml:11:5 tiers.high: the merge key '<<' is not part of YAML 1.2: use extends, "
            "or repeat the keys"
        ),
        files=changed("  high:\n", "  high:\n    <<: {concurrency: 5}\n"),
    ),
    BadProfile(
        id="a Python object",
        expected=(
            "profiles/bad.yaml:5:11 app.module: the tag '!!python/object/apply:os.system' is not "
            "allowed: write the value plainly, in quotes if it is text"
        ),
        files=changed("module: docflow.tasks", "module: !!python/object/apply:os.system [ls]"),
    ),
    BadProfile(
        id="a tag of YAML itself",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: the tag '!!int' is not allowed: write the "
            "value plainly, in quotes if it is text"
        ),
        files=changed("concurrency: 4", "concurrency: !!int 4"),
    ),
    BadProfile(
        id="a tag of its own",
        expected=(
            "profiles/bad.yaml:5:11 app.module: the tag '!vault' is not allowed: write the value "
            "plainly, in quotes if it is text"
        ),
        files=changed("module: docflow.tasks", "module: !vault docflow"),
    ),
    BadProfile(
        id="two documents in one file",
        expected=("profiles/bad.yaml:16:1 a second document begins here: one file holds one profile, remove the '---'"),
        files=added("---\nname: other\n"),
    ),
    BadProfile(
        id="a directive of YAML 1.1",
        expected="profiles/bad.yaml:1:1 profiles are YAML 1.2: remove the %YAML line",
        files={PLACE: "%YAML 1.1\n---\n" + GOOD},
    ),
    BadProfile(
        id="a number as a key",
        expected="profiles/bad.yaml:16:16 pod.labels: the key 1 is not text: write it in quotes",
        files=added("pod: {labels: {1: one}}\n"),
    ),
    BadProfile(
        id="a truth value as a key",
        expected="profiles/bad.yaml:16:16 pod.labels: the key true is not text: write it in quotes",
        files=added("pod: {labels: {true: one}}\n"),
    ),
    BadProfile(
        id="a key that is nothing",
        expected='profiles/bad.yaml:16:16 pod.labels: the key "~" is not text: write it in quotes',
        files=added("pod: {labels: {~: one}}\n"),
    ),
    BadProfile(
        id="a list as a key",
        expected="profiles/bad.yaml:17:5 pod: a collection cannot be a key: keys are text",
        files=added("pod:\n  ? [a]\n  : one\n"),
    ),
    BadProfile(
        id="an unknown escape",
        expected=(
            "profiles/bad.yaml:5:20 not valid YAML: an unknown escape after \\ in double quotes: write "
            "\\\\, or use single quotes"
        ),
        files=changed("module: docflow.tasks", 'module: "docflow\\q"'),
    ),
    BadProfile(
        id="a list on the line of its key",
        expected=("profiles/bad.yaml:11:13 not valid YAML: a list cannot begin here: put its '-' on a line of its own"),
        files=changed("queues: [default]", "queues: - default"),
    ),
    BadProfile(
        id="an escape that is half a character",
        expected="profiles/bad.yaml:5:11 app.module: an escape that is half a character: write the character itself",
        files=changed("module: docflow.tasks", 'module: "docflow\\ud800"'),
    ),
)
