"""Applications that were not written with the library; addresses, keys and heartbeats of workers."""

from tests.support.bad_profile import BadProfile, added, changed

MODULE = "  module: docflow.tasks\n"
BROKER = "redis://broker:6379/0"


def celery(name: str) -> dict[str, str | bytes]:
    """Return a profile of a Celery application of this name, in line 6."""
    return changed(MODULE, f"  kind: celery\n  celery: {name}\n")


def command(words: str, more: str = "") -> dict[str, str | bytes]:
    """Return a profile of a command, in line 6; more of `app` follows in line 7."""
    return changed(MODULE, f"  kind: command\n  command: {words}\n{more}")


CASES = (
    BadProfile(
        id="a kind of application that nobody knows",
        expected=("profiles/bad.yaml:5:9 app.kind: must be task_abstraction, celery or command, not the text 'django'"),
        files=changed(MODULE, "  kind: django\n"),
    ),
    BadProfile(
        id="a Celery application without its name",
        expected="profiles/bad.yaml:3:1 app.celery: kind celery needs it: add app.celery",
        files=changed(MODULE, "  kind: celery\n"),
    ),
    BadProfile(
        id="the flag of celery instead of the application",
        expected="profiles/bad.yaml:6:11 app.celery: '-A proj' is not a Celery application such as proj.celery_app",
        files=celery("-A proj"),
    ),
    BadProfile(
        id="a Celery application that ends in a dot",
        expected="profiles/bad.yaml:6:11 app.celery: 'proj.' is not a Celery application such as proj.celery_app",
        files=celery("proj."),
    ),
    BadProfile(
        id="a pool that Celery has and that is not supported",
        expected=(
            "profiles/bad.yaml:13:11 tiers.high.pool: must be prefork, threads, gevent or solo, not the text "
            "'eventlet': did you mean 'gevent'?"
        ),
        files=changed("    concurrency: 4\n", "    concurrency: 4\n    pool: eventlet\n"),
    ),
    BadProfile(
        id="a command in one text",
        expected=("profiles/bad.yaml:6:12 app.command: must be a list, not the text 'run shop': write ['run shop']"),
        files=command("run shop"),
    ),
    BadProfile(
        id="a command without words",
        expected="profiles/bad.yaml:6:12 app.command: kind command needs it: add app.command",
        files=command("[]"),
    ),
    BadProfile(
        id="a place of a command that is misspelt",
        expected="profiles/bad.yaml:6:12 app.command: {queue} stands for nothing, did you mean {queues}?",
        files=command('[run, "--queues={queue}"]'),
    ),
    BadProfile(
        id="a port of health beyond all ports",
        expected="profiles/bad.yaml:7:18 app.health.port: must be at most 65535, not 70000",
        files=command("[run]", "  health: {port: 70000}\n"),
    ),
    BadProfile(
        id="a path of health without a slash",
        expected="profiles/bad.yaml:7:30 app.health.path: 'live' is not a path such as /metrics",
        files=command("[run]", "  health: {port: 8080, path: live}\n"),
    ),
    BadProfile(
        id="metrics without health",
        expected="profiles/bad.yaml:7:11 app.health.port: missing (port of the health endpoint): add it",
        files=command("[run]", "  health: {metrics_port: 9090}\n"),
    ),
    BadProfile(
        id="a broker's port beyond all ports",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: 'redis://broker:99999/0' has a port that is none: "
            "write a number from 1 to 65535"
        ),
        files=changed(BROKER, "redis://broker:99999/0"),
    ),
    BadProfile(
        id="traces to a host without a scheme",
        expected=(
            "profiles/bad.yaml:16:30 monitoring.tracing.otlp: 'collector' is not a URL: write scheme://host:port/path"
        ),
        files=added("monitoring: {tracing: {otlp: collector}}\n"),
    ),
    BadProfile(
        id="traces by another protocol",
        expected=(
            "profiles/bad.yaml:16:30 monitoring.tracing.otlp: 'grpc://collector:4317' is not an HTTP URL: write "
            "http://host:port or https://host:port"
        ),
        files=added('monitoring: {tracing: {otlp: "grpc://collector:4317"}}\n'),
    ),
    BadProfile(
        id="encryption with a key of which nobody says where it is",
        expected="profiles/bad.yaml:8:62 backends.celery.encryption.key: missing (key inside the secret): add it",
        files=changed(f"{BROKER}}}}}", f"{BROKER}}}, encryption: {{secret: keys}}}}"),
    ),
    BadProfile(
        id="encryption in one word",
        expected=(
            "profiles/bad.yaml:8:62 backends.celery.encryption: must be a reference {secret: name, key: k}, not a "
            "value written here"
        ),
        files=changed(f"{BROKER}}}}}", f"{BROKER}}}, encryption: yes-please}}"),
    ),
    BadProfile(
        id="a heartbeat without a unit",
        expected=(
            "profiles/bad.yaml:8:60 backends.celery.broker.heartbeat: 0 has no unit: write it like 30s, 5m or 1h30m"
        ),
        files=changed(f"{BROKER}}}}}", f"{BROKER}, heartbeat: 0}}}}"),
    ),
    BadProfile(
        id="a negative heartbeat",
        expected=(
            "profiles/bad.yaml:8:60 backends.celery.broker.heartbeat: '-5s' is not a duration: write it like 30s, 5m "
            "or 1h30m"
        ),
        files=changed(f"{BROKER}}}}}", f"{BROKER}, heartbeat: -5s}}}}"),
    ),
)
