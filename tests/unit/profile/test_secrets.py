"""What counts as a literal secret, and what does not."""

import pytest

from taskgen.profile.literals import is_harmless, secret_in, sensitive_word
from taskgen.profile.wording import shown
from tests.support.profiles import load_text

TOKENS = {
    "a URL with credentials": [
        "redis://user:pass@host",
        "redis://:pass@host:6379/0",
        "REDIS://:pass@host",
        "amqps://a:b@rabbit//",
        "postgresql+psycopg://app:p%40ss@db:5432/x",
        "redis://:pa/ss@host",
        "https://token@github.com/x",
        "see https://u:p@host/ for more",
        "sentinel://:pass@a:26379;sentinel://:pass@b:26379",
        "user:pass@tcp(db:3306)/x",
        "https://host/path?access_token=abc",
        "host=db user=app password=abc",
    ],
    "a command line with credentials": ["--password=abc", "serve --api-key=abc"],
    "a signed token (JWT)": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"],
    "an AWS access key": ["AKIAIOSFODNN7EXAMPLE"],
    "a private key": ["-----BEGIN OPENSSH PRIVATE KEY-----\nabc"],
    "a GitHub token": ["ghp_abcdefghijklmnopqrstuvwxyz0123456789"],
    "a Slack webhook": ["https://hooks.slack.com/services/T0/B0/abc"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in TOKENS.items() for text in texts])
def test_secret(kind, text):
    """A secret is recognised by its form, wherever it stands, and never shown."""
    assert secret_in(text) == kind
    assert shown(text) == "'***'"


@pytest.mark.parametrize(
    "text",
    [
        "redis://broker:6379/0",
        "redis://user@broker:6379/0",
        "redis://:${REDIS_PASSWORD}@broker:6379/0",
        "redis://:$(REDIS_PASSWORD)@broker:6379/0",
        "http://host:8080/@scope/package",
        "https://example.com/a?page=2",
        "registry.example.com/app:1.0@sha256:0123",
        "git@example.com",
        "mailto:someone@example.com",
        'sum(rate(tasks{queue="a",token="b"}[5m]))',
        "eyewitness.reports-are-text",
        "0 3 * * MON",
    ],
)
def test_no_secret(text):
    """A reference, a port or an address is no secret."""
    assert secret_in(text) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("DB_PASSWORD", "password"),
        ("PGPASSWORD", "password"),
        ("MYSQL_PWD", "pwd"),
        ("API_TOKEN_PROD", "token"),
        ("OPENAI_API_KEY", "api key"),
        ("privateKey", "private key"),
        ("SECRET_KEY", "secret"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("PASSWORD_FILE", None),
        ("TOKEN_PATH", None),
        ("SECRET_NAME", None),
        ("TOKEN_TTL", None),
        ("MAX_TOKENS", None),
        ("TOKENIZERS_PARALLELISM", None),
        ("PRIMARY_KEY", None),
        ("KEY_PREFIX", None),
        ("MONKEY", None),
        ("LOG_LEVEL", None),
    ],
)
def test_names(name, word):
    """A name says that its value is a secret, unless it says that the value is about one."""
    assert sensitive_word(name) == word


@pytest.mark.parametrize("text", ["", "true", "False", "none", "${TOKEN}", "$(TOKEN)"])
def test_harmless(text):
    """A switch, nothing, or a reference is no secret under any name."""
    assert is_harmless(text)


def test_what_is_no_secret_loads(tmp_path):
    """References, names of secrets and files with secrets are what a profile is to hold."""
    text = """\
    env: {DB_PASSWORD_FILE: /run/secrets/db, USE_TOKEN: 'true', BROKER: 'redis://:$(PASS)@broker'}
    secret_env: {DB_PASSWORD: {secret: db-password, key: password}}
patches:
  Deployment/high: {spec: {imagePullSecrets: [{name: registry}], automountServiceAccountToken: false, secretName: tls}}
"""
    assert load_text(tmp_path, text).profile.tiers["high"].secret_env["DB_PASSWORD"].secret == "db-password"  # noqa: S105
