"""Keys that are unknown, missing or misplaced."""

from tests.support.bad_profile import FAMILY, GOOD, PLACE, TIER, BadProfile, added, changed

CASES = (
    BadProfile(
        id="an unknown key at the top",
        expected="profiles/bad.yaml:9:1 teirs: unknown key, did you mean 'tiers'?",
        files=changed("tiers:", "teirs:"),
    ),
    BadProfile(
        id="an unknown key in a tier",
        expected="profiles/bad.yaml:12:5 tiers.high.concurency: unknown key, did you mean 'concurrency'?",
        files=changed("concurrency", "concurency"),
    ),
    BadProfile(
        id="an unknown key three levels down",
        expected="profiles/bad.yaml:13:42 tiers.high.task.timelimit: unknown key, did you mean 'time_limit'?",
        files=changed("time_limit", "timelimit"),
    ),
    BadProfile(
        id="an unknown key four levels down",
        expected="profiles/bad.yaml:13:23 tiers.high.task.duration.p05: unknown key, did you mean 'p50'?",
        files=changed("p50: 1s", "p05: 1s"),
    ),
    BadProfile(
        id="an unknown key in a list item",
        expected=(
            "profiles/bad.yaml:16:33 tiers.high.scale.signals[1].prometeus: unknown key, did you mean 'prometheus'?"
        ),
        files=added("    scale: {signals: [backlog, {prometeus: up, target: 1}]}\n"),
    ),
    BadProfile(
        id="a key of another level",
        expected="profiles/bad.yaml:12:5 tiers.high.min: unknown key, it belongs under tiers.high.scale",
        files=changed("    concurrency: 4", "    min: 1"),
    ),
    BadProfile(
        id="a key of a tier at the top",
        expected="profiles/bad.yaml:16:1 concurrency: unknown key, it belongs under tiers.<name>",
        files=added("concurrency: 4\n"),
    ),
    BadProfile(
        id="an unknown key like nothing else",
        expected="profiles/bad.yaml:16:1 zzzzz: unknown key: `taskgen schema` lists the keys",
        files=added("zzzzz: 4\n"),
    ),
    BadProfile(
        id="a misspelt backend",
        expected="profiles/bad.yaml:8:3 backends.celry: unknown key, did you mean 'celery'?",
        files=changed("celery:", "celry:"),
    ),
    BadProfile(
        id="an unknown target",
        expected="profiles/bad.yaml:16:11 targets.stob: unknown target, did you mean 'stub'?",
        files=added("targets: {stob: {}}\n"),
    ),
    BadProfile(
        id="a target without a value",
        expected=(
            "profiles/bad.yaml:17:3 targets.stub: nothing is given: write {} to render it with its "
            "defaults, or remove the key"
        ),
        files=added("targets:\n  stub:\n"),
    ),
    BadProfile(
        id="an unknown option of a target",
        expected="profiles/bad.yaml:16:18 targets.stub.namspace: unknown key, did you mean 'namespace'?",
        files=added("targets: {stub: {namspace: docflow}}\n"),
    ),
    BadProfile(
        id="a wrong choice of a target's option",
        expected=(
            "profiles/bad.yaml:16:30 targets.stub.autoscaler: must be keda or hpa, not the text 'kda': "
            "did you mean 'keda'?"
        ),
        files=added("targets: {stub: {autoscaler: kda}}\n"),
    ),
    BadProfile(
        id="a list option of a target that is no list",
        expected=("profiles/bad.yaml:16:28 targets.stub.clusters: must be a list, not the text 'eu-1': write ['eu-1']"),
        files=added("targets: {stub: {clusters: eu-1}}\n"),
    ),
    BadProfile(
        id="a required key that is missing",
        expected="profiles/bad.yaml:10:3 tiers.high.load: missing (arrivals): add it",
        files=changed("    load: {rate: 1/s, peak: 5/s}\n", ""),
    ),
    BadProfile(
        id="a required key that is missing in brackets",
        expected="profiles/bad.yaml:14:11 tiers.high.load.rate: missing (average arrivals): add it",
        files=changed("rate: 1/s, ", ""),
    ),
    BadProfile(
        id="a section that is missing",
        expected="profiles/bad.yaml:1:1 environment: missing (decides which rules are errors): add it",
        files=changed("environment: dev\n", ""),
    ),
    BadProfile(
        id="a key without a value",
        expected=(
            "profiles/bad.yaml:13:5 tiers.high.task: must be a mapping, but nothing is given: add it, or remove the key"
        ),
        files=changed("task: {duration: {p50: 1s, p99: 5s}, time_limit: 1m}", "task:"),
    ),
    BadProfile(
        id="another name than the file's",
        expected="profiles/bad.yaml:1:7 name: must be 'bad', as the file is named: rename one of them",
        files=changed("name: bad", "name: good"),
    ),
    BadProfile(
        id="a tier with a name that Kubernetes refuses",
        expected=(
            "profiles/bad.yaml:10:3 tiers.High_1: 'High_1' is not a name: lower-case letters, digits and "
            "'-', beginning with a letter, at most 40 characters"
        ),
        files=changed("  high:", "  High_1:"),
    ),
    BadProfile(
        id="a key with a dot is quoted in the message",
        expected=(
            "profiles/bad.yaml:16:30 tasks.\"docflow.export_*\".time_limt: unknown key, did you mean 'time_limit'?"
        ),
        files=added('tasks: {"docflow.export_*": {time_limt: 2h}}\n'),
    ),
    BadProfile(
        id="no tier at all",
        expected="profiles/bad.yaml:1:1 tiers: no tier: add at least one under tiers or families",
        files={PLACE: GOOD[: GOOD.index("tiers:")]},
    ),
    BadProfile(
        id="a mistake inside a family",
        expected=("profiles/bad.yaml:14:7 families.work.tier.concurency: unknown key, did you mean 'concurrency'?"),
        files={PLACE: FAMILY.replace("concurrency: 4", "concurency: 4")},
    ),
    BadProfile(
        id="a mistake inside the override of a family",
        expected=(
            "profiles/bad.yaml:18:35 families.work.overrides.xl.concurrency: must be a whole number or "
            "auto, not the text 'many'"
        ),
        files={PLACE: FAMILY + "    overrides: {xl: {concurrency: many}}\n"},
    ),
    BadProfile(
        id="an override of a value that the family does not have",
        expected=(
            "profiles/bad.yaml:18:17 families.work.overrides.xxl: no value of for_each has this name, "
            "did you mean 'xl'?"
        ),
        files={PLACE: FAMILY + "    overrides: {xxl: {concurrency: 5}}\n"},
    ),
    BadProfile(
        id="a member of a family that is a tier already",
        expected=(
            "profiles/bad.yaml:19:3 tiers.work-xl: the family 'work' makes a tier of this name: move it "
            "to families.work.overrides, or rename it"
        ),
        files={
            PLACE: f"{FAMILY}tiers:\n  work-xl:\n{TIER}",
        },
    ),
    BadProfile(
        id="a value that stands twice in a family",
        expected=(
            "profiles/bad.yaml:11:30 families.work.for_each.size[2]: 's' stands twice in for_each: rename or remove one"
        ),
        files={PLACE: FAMILY.replace("[s, xl]", "[s, xl, s]")},
    ),
    BadProfile(
        id="a family without values",
        expected="profiles/bad.yaml:11:22 families.work.for_each.size: must not be empty",
        files={PLACE: FAMILY.replace("[s, xl]", "[]")},
    ),
)
