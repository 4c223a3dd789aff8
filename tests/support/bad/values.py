"""Values of the wrong kind, unit, size or order."""

from tests.support.bad_profile import GOOD, PLACE, BadProfile, added, changed

CASES = (
    BadProfile(
        id="a duration without a unit",
        expected=("profiles/bad.yaml:13:54 tiers.high.task.time_limit: 60 has no unit: write it like 30s, 5m or 1h30m"),
        files=changed("time_limit: 1m", "time_limit: 60"),
    ),
    BadProfile(
        id="a duration with a unit of its own",
        expected=(
            "profiles/bad.yaml:13:54 tiers.high.task.time_limit: '1 minute' is not a duration: write it "
            "like 30s, 5m or 1h30m"
        ),
        files=changed("time_limit: 1m", "time_limit: 1 minute"),
    ),
    BadProfile(
        id="a negative duration",
        expected=(
            "profiles/bad.yaml:13:54 tiers.high.task.time_limit: '-1m' is not a duration: write it like "
            "30s, 5m or 1h30m"
        ),
        files=changed("time_limit: 1m", "time_limit: -1m"),
    ),
    BadProfile(
        id="a duration of centuries",
        expected=(
            "profiles/bad.yaml:13:54 tiers.high.task.time_limit: '99999999999d' is longer than 366 days: check the unit"
        ),
        files=changed("time_limit: 1m", "time_limit: 99999999999d"),
    ),
    BadProfile(
        id="a size without a unit",
        expected="profiles/bad.yaml:13:66 tiers.high.task.memory: 1e6 has no unit: write it like 256Mi or 1Gi",
        files=changed("time_limit: 1m", "time_limit: 1m, memory: 1e6"),
    ),
    BadProfile(
        id="a size in MB",
        expected=(
            "profiles/bad.yaml:13:66 tiers.high.task.memory: '64MB' is not a size: write it like 256Mi "
            "or 1Gi; MB and GB are no Kubernetes units"
        ),
        files=changed("time_limit: 1m", "time_limit: 1m, memory: 64MB"),
    ),
    BadProfile(
        id="a size of exabytes",
        expected=(
            "profiles/bad.yaml:13:66 tiers.high.task.memory: '99999999999Ti' is larger than 1 PiB: check the unit"
        ),
        files=changed("time_limit: 1m", "time_limit: 1m, memory: 99999999999Ti"),
    ),
    BadProfile(
        id="a rate without a unit",
        expected="profiles/bad.yaml:14:18 tiers.high.load.rate: 1 has no unit: write it like 2/s or 120/min",
        files=changed("rate: 1/s", "rate: 1"),
    ),
    BadProfile(
        id="a rate with an unknown unit",
        expected=(
            "profiles/bad.yaml:14:18 tiers.high.load.rate: '1/fortnight' is not a rate: write it like 2/s or 120/min"
        ),
        files=changed("rate: 1/s", "rate: 1/fortnight"),
    ),
    BadProfile(
        id="a share without a percent sign",
        expected="profiles/bad.yaml:15:20 tiers.high.slo.success: 0.99 has no unit: write it like 99.5%",
        files=changed("slo: {", "slo: {success: 0.99, "),
    ),
    BadProfile(
        id="a share above all",
        expected="profiles/bad.yaml:15:20 tiers.high.slo.success: '101%' is above 100%",
        files=changed("slo: {", "slo: {success: 101%, "),
    ),
    BadProfile(
        id="zero where one is the least",
        expected="profiles/bad.yaml:12:18 tiers.high.concurrency: must be at least 1, not 0",
        files=changed("concurrency: 4", "concurrency: 0"),
    ),
    BadProfile(
        id="a negative number",
        expected="profiles/bad.yaml:12:18 tiers.high.concurrency: must be at least 1, not -4",
        files=changed("concurrency: 4", "concurrency: -4"),
    ),
    BadProfile(
        id="a huge number",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be at most 10000, not 100000000000000000000000000"
        ),
        files=changed("concurrency: 4", "concurrency: 100000000000000000000000000"),
    ),
    BadProfile(
        id="a number in quotes",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the "
            "text '4': remove the quotes"
        ),
        files=changed("concurrency: 4", "concurrency: '4'"),
    ),
    BadProfile(
        id="a fraction where a whole number belongs",
        expected=("profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the number 4.5"),
        files=changed("concurrency: 4", "concurrency: 4.5"),
    ),
    BadProfile(
        id="an exponent where a whole number belongs",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the "
            "number 1e2: write 100"
        ),
        files=changed("concurrency: 4", "concurrency: 1e2"),
    ),
    BadProfile(
        id="not a number",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the number .nan"
        ),
        files=changed("concurrency: 4", "concurrency: .nan"),
    ),
    BadProfile(
        id="an infinite number",
        expected="profiles/bad.yaml:16:22 tiers.high.retry.backoff: must be a finite number, not .inf",
        files=added("    retry: {backoff: .inf}\n"),
    ),
    BadProfile(
        id="a date where a number belongs",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the text '2026-01-01'"
        ),
        files=changed("concurrency: 4", "concurrency: 2026-01-01"),
    ),
    BadProfile(
        id="no, which is a text",
        expected=(
            "profiles/bad.yaml:13:70 tiers.high.task.idempotent: must be true or false, not the text 'no': write false"
        ),
        files=changed("time_limit: 1m", "time_limit: 1m, idempotent: no"),
    ),
    BadProfile(
        id="a number where text belongs",
        expected="profiles/bad.yaml:5:11 app.module: must be text, not the number 1.10: write it in quotes",
        files=changed("module: docflow.tasks", "module: 1.10"),
    ),
    BadProfile(
        id="a list where one value belongs",
        expected="profiles/bad.yaml:2:14 environment: must be dev, staging or prod, not a list",
        files=changed("environment: dev", "environment: [dev]"),
    ),
    BadProfile(
        id="one value where a list belongs",
        expected="profiles/bad.yaml:11:13 tiers.high.queues: must be a list or all, not the text 'default'",
        files=changed("queues: [default]", "queues: default"),
    ),
    BadProfile(
        id="one value where a mapping belongs",
        expected="profiles/bad.yaml:14:11 tiers.high.load: must be a mapping, not the text '1/s'",
        files=changed("load: {rate: 1/s, peak: 5/s}", "load: 1/s"),
    ),
    BadProfile(
        id="a wrong word of several",
        expected=(
            "profiles/bad.yaml:2:14 environment: must be dev, staging or prod, not the text "
            "'production': did you mean 'prod'?"
        ),
        files=changed("environment: dev", "environment: production"),
    ),
    BadProfile(
        id="a wrong word or number",
        expected=(
            "profiles/bad.yaml:12:18 tiers.high.concurrency: must be a whole number or auto, not the "
            "text 'aout': did you mean 'auto'?"
        ),
        files=changed("concurrency: 4", "concurrency: aout"),
    ),
    BadProfile(
        id="two signals in one",
        expected=(
            "profiles/bad.yaml:16:23 tiers.high.scale.signals[0]: cpu and memory do not go together: "
            "write one of them in a mapping of its own"
        ),
        files=added("    scale: {signals: [{cpu: 70%, memory: 1Gi}]}\n"),
    ),
    BadProfile(
        id="a signal without its target",
        expected=("profiles/bad.yaml:16:23 tiers.high.scale.signals[0].target: missing (value per replica): add it"),
        files=added("    scale: {signals: [{prometheus: up}]}\n"),
    ),
    BadProfile(
        id="bounds in the wrong order",
        expected="profiles/bad.yaml:16:18 tiers.high.scale.min: 5 is above max 3: exchange them",
        files=added("    scale: {min: 5, max: 3}\n"),
    ),
    BadProfile(
        id="a soft limit above the hard one",
        expected=(
            "profiles/bad.yaml:13:75 tiers.high.task.soft_time_limit: must be shorter than time_limit: "
            "lower it, or raise time_limit"
        ),
        files=changed("time_limit: 1m", "time_limit: 1m, soft_time_limit: 2m"),
    ),
    BadProfile(
        id="a limit that most tasks would hit",
        expected=(
            "profiles/bad.yaml:13:54 tiers.high.task.time_limit: shorter than duration.p99: one task in "
            "a hundred would be killed; raise it"
        ),
        files=changed("time_limit: 1m", "time_limit: 2s"),
    ),
    BadProfile(
        id="a queue with a name that brokers refuse",
        expected=(
            "profiles/bad.yaml:11:14 tiers.high.queues[0]: 'de fault' is not a queue name: letters, "
            "digits and _ . : - only, at most 255 bytes"
        ),
        files=changed("queues: [default]", "queues: [de fault]"),
    ),
    BadProfile(
        id="a time zone that does not exist",
        expected=(
            "profiles/bad.yaml:16:59 schedules.nightly.timezone: 'Europe/Berln' is not a time zone: "
            "write an IANA name such as Europe/Berlin or UTC"
        ),
        files=added("schedules: {nightly: {task: t, cron: 0 3 * * *, timezone: Europe/Berln}}\n"),
    ),
    BadProfile(
        id="a cron expression with three fields",
        expected=(
            "profiles/bad.yaml:16:38 schedules.nightly.cron: '0 3 *' is not a cron expression: five "
            "fields, minute hour day month weekday"
        ),
        files=added("schedules: {nightly: {task: t, cron: 0 3 *}}\n"),
    ),
    BadProfile(
        id="an address that is no URL",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: 'broker' is not a URL: write scheme://host:port/path"
        ),
        files=changed("url: redis://broker:6379/0", "url: broker"),
    ),
    BadProfile(
        id="a path that leads out of the project",
        expected=(
            "profiles/bad.yaml:16:9 output: '../elsewhere' is not a path inside the project: no '..', no "
            "leading '/', no spaces"
        ),
        files=added("output: ../elsewhere\n"),
    ),
    BadProfile(
        id="a waiver without a reason",
        expected=(
            "profiles/bad.yaml:16:16 waivers.K08: a waiver needs a reason that a reviewer understands: write a sentence"
        ),
        files=added("waivers: {K08: ok}\n"),
    ),
    BadProfile(
        id="an image tag that no registry takes",
        expected="profiles/bad.yaml:6:58 app.image.tag: '1.10 beta' is not an image tag such as 2.3.0",
        files=changed("docflow}", 'docflow, tag: "1.10 beta"}'),
    ),
    BadProfile(
        id="everything at once, sorted by place",
        expected=(
            "profiles/bad.yaml:2:14 environment: must be dev, staging or prod, not the text 'test'\n"
            "profiles/bad.yaml:12:5 tiers.high.concurency: unknown key, did you mean 'concurrency'?\n"
            "profiles/bad.yaml:14:18 tiers.high.load.rate: 1 has no unit: write it like 2/s or 120/min"
        ),
        files={
            PLACE: GOOD.replace("concurrency: 4", "concurency: 4")
            .replace("dev", "test")
            .replace("rate: 1/s", "rate: 1")
        },
    ),
    BadProfile(
        id="a signal twice",
        expected="profiles/bad.yaml:16:22 tiers.high.scale.signals: names a signal twice: remove one",
        files=added("    scale: {signals: [backlog, backlog]}\n"),
    ),
    BadProfile(
        id="an address range that is none",
        expected="profiles/bad.yaml:16:32 egress.x.cidr: '10.0.0.0/33' is not an address range such as 10.0.0.0/8",
        files=added("egress: {x: {ports: [1], cidr: 10.0.0.0/33}}\n"),
    ),
    BadProfile(
        id="an address range that begins within",
        expected="profiles/bad.yaml:16:32 egress.x.cidr: '10.0.0.1/8' begins inside of its range: write 10.0.0.0/8",
        files=added("egress: {x: {ports: [1], cidr: 10.0.0.1/8}}\n"),
    ),
)
