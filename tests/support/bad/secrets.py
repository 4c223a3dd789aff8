"""Secrets in clear: refused, and never repeated."""

from tests.support.bad_profile import GOOD, PLACE, SECRET, BadProfile, added, changed, fragment

CASES = (
    BadProfile(
        id="a password in the broker's URL",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: a URL with credentials stands here in "
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("redis://broker:6379/0", f"redis://user:{SECRET}@broker:6379/0"),
    ),
    BadProfile(
        id="a password without a user in a URL",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: a URL with credentials stands here in "
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("redis://broker:6379/0", f"redis://:{SECRET}@broker:6379/0"),
    ),
    BadProfile(
        id="a password in an AMQP URL in a fragment that is overridden",
        expected=(
            "profiles/env/dev.yaml:1:35 backends.celery.broker.url: a URL with credentials stands here "
            "in clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=fragment("env/dev", f"backends: {{celery: {{broker: {{url: amqp://guest:{SECRET}@rabbit/}}}}}}\n"),
    ),
    BadProfile(
        id="a password in a URL of the environment",
        expected=(
            "profiles/bad.yaml:5:19 app.env.DATABASE: a URL with credentials stands here in clear: put "
            "it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=changed(
            "  name: docflow\n", f"  name: docflow\n  env: {{DATABASE: postgresql://app:{SECRET}@db/docflow}}\n"
        ),
    ),
    BadProfile(
        id="a token as the user of a URL",
        expected=(
            "profiles/bad.yaml:16:30 monitoring.tracing.otlp: a URL with credentials stands here in "
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f"monitoring: {{tracing: {{otlp: https://{SECRET}@collector:4317}}}}\n"),
    ),
    BadProfile(
        id="a password as a parameter of a URL",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: a URL with credentials stands here in "
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("redis://broker:6379/0", f"redis://broker:6379/0?password={SECRET}"),
    ),
    BadProfile(
        id="an environment variable whose name says password",
        expected=(
            "profiles/bad.yaml:5:22 app.env.DB_PASSWORD: a literal secret (its name says password): put "
            "it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=changed("  name: docflow\n", f"  name: docflow\n  env: {{DB_PASSWORD: {SECRET}}}\n"),
    ),
    BadProfile(
        id="an environment variable whose name says token",
        expected=(
            "profiles/bad.yaml:16:27 tiers.high.env.API_TOKEN_PROD: a literal secret (its name says "
            "token): put it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=added(f"    env: {{API_TOKEN_PROD: {SECRET}}}\n"),
    ),
    BadProfile(
        id="an environment variable whose name says API key",
        expected=(
            "profiles/bad.yaml:16:27 tiers.high.env.OPENAI_API_KEY: a literal secret (its name says api "
            "key): put it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=added(f"    env: {{OPENAI_API_KEY: {SECRET}}}\n"),
    ),
    BadProfile(
        id="a literal where a reference belongs",
        expected=(
            "profiles/bad.yaml:8:42 backends.temporal.api_key: a literal secret (its name says api key): "
            "put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("celery: {", f'temporal: {{address: "t:7233", api_key: {SECRET}}}\n  celery: {{'),
    ),
    BadProfile(
        id="a private key",
        expected=(
            "profiles/bad.yaml:6:11 app.env.CERT: a private key stands here in clear: put it into a "
            "secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=changed(
            "  name: docflow\n",
            f"  name: docflow\n  env:\n    CERT: |\n      -----BEGIN RSA PRIVATE KEY-----\n      {SECRET}\n",
        ),
    ),
    BadProfile(
        id="a signed token",
        expected=(
            "profiles/bad.yaml:16:20 tiers.high.env.SESSION: a signed token (JWT) stands here in clear: "
            "put it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=added(f"    env: {{SESSION: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{SECRET}}}\n"),
    ),
    BadProfile(
        id="an AWS access key",
        expected=(
            "profiles/bad.yaml:16:20 tiers.high.env.AWS_KEY: an AWS access key stands here in clear: put "
            "it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        files=added(f"    env: {{AWS_KEY: AKIAIOSFODNN7EXAMPLE, OTHER: {SECRET}}}\n"),
    ),
    BadProfile(
        id="a password among a task's arguments",
        expected=(
            "profiles/bad.yaml:16:56 schedules.a.kwargs.password: a literal secret (its name says "
            "password): put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f"schedules: {{a: {{task: t, every: 5m, kwargs: {{password: {SECRET}}}}}}}\n"),
    ),
    BadProfile(
        id="a URL with a password among a task's arguments",
        expected=(
            "profiles/bad.yaml:16:44 schedules.a.args[0]: a URL with credentials stands here in clear: "
            "put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f'schedules: {{a: {{task: t, every: 5m, args: ["https://u:{SECRET}@h/"]}}}}\n'),
    ),
    BadProfile(
        id="a password in a waiver",
        expected=(
            "profiles/bad.yaml:16:16 waivers.K08: a URL with credentials stands here in clear: put it "
            "into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f'waivers: {{K08: "the broker redis://:{SECRET}@broker forgets nothing"}}\n'),
    ),
    BadProfile(
        id="a password after a flag",
        expected=(
            "profiles/bad.yaml:16:48 bootstrap.a.command[2]: a literal secret (the word before it says "
            "so): put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f"bootstrap: {{a: {{command: [migrate, --password, {SECRET}]}}}}\n"),
    ),
    BadProfile(
        id="a password in a flag",
        expected=(
            "profiles/bad.yaml:16:36 bootstrap.a.command[1]: a command line with credentials stands here "
            "in clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f"bootstrap: {{a: {{command: [migrate, --db-password={SECRET}]}}}}\n"),
    ),
    BadProfile(
        id="a password in the environment of a sidecar",
        expected=(
            "profiles/bad.yaml:16:62 pod.sidecars.proxy.env[0].value: a literal secret (its name says "
            "password): write valueFrom with a secretKeyRef"
        ),
        files=added(f"pod: {{sidecars: {{proxy: {{env: [{{name: PROXY_PASSWORD, value: {SECRET}}}]}}}}}}\n"),
    ),
    BadProfile(
        id="a password in a Celery setting",
        expected=(
            "profiles/bad.yaml:8:39 backends.celery.settings.redis_password: a literal secret (its name "
            "says password): put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("celery: {", f"celery: {{settings: {{redis_password: {SECRET}}}, "),
    ),
    BadProfile(
        id="a secret as a key",
        expected=(
            'profiles/bad.yaml:16:21 pod.annotations."***": a URL with credentials stands in this key in '
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=added(f'pod: {{annotations: {{"redis://:{SECRET}@h": x}}}}\n'),
    ),
    BadProfile(
        id="a password in an override",
        expected=(
            "--set app.env.DB_PASSWORD: a literal secret (its name says "
            "password): put it into a secret and move the name to secret_env as {secret: name, key: k}"
        ),
        overrides=(f"app.env.DB_PASSWORD={SECRET}",),
    ),
    BadProfile(
        id="a URL with a password in an override",
        expected=(
            "--set backends.celery.broker.url: a URL with credentials "
            "stands here in clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        overrides=(f"backends.celery.broker.url=redis://:{SECRET}@broker",),
    ),
    BadProfile(
        id="a secret beside other mistakes hides their values",
        expected=(
            "profiles/bad.yaml:8:26 backends.celery.broker.url: a URL with credentials stands here in "
            "clear: put it into a secret and refer to it by {secret: name, key: k}"
        ),
        files=changed("redis://broker:6379/0", f"redis://:{SECRET}@broker, uri: {SECRET}"),
    ),
    BadProfile(
        id="a secret as a fragment's name",
        expected=(
            "profiles/bad.yaml:1:11 extends[0]: '***' is not the name of a fragment: write it like "
            "env/prod\n"
            "profiles/bad.yaml:1:11 extends[0]: a URL with credentials stands here in clear: put it into "
            "a secret and refer to it by {secret: name, key: k}"
        ),
        files={PLACE: f'extends: ["https://u:{SECRET}@h/x"]\n' + GOOD},
    ),
    BadProfile(
        id="a secret as a key that is given twice",
        expected=(
            'profiles/bad.yaml:16:16 pod.labels."***": a URL with credentials stands in this key in '
            "clear: put it into a secret and refer to it by {secret: name, key: k}\n"
            'profiles/bad.yaml:16:63 pod.labels."***": this key is given twice, first at '
            "profiles/bad.yaml:16:16: remove one of them"
        ),
        files=added(f'pod: {{labels: {{"redis://:{SECRET}@h": x, "redis://:{SECRET}@h": y}}}}\n'),
    ),
)
