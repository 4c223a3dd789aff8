"""The promise to earlier users: blocks that are settings of Celery, as a module of the settings folder."""

import pytest

from task_abstraction import ConfigurationError, load_config_from_env
from task_abstraction.backends.celery.backend import CeleryBackend
from tests.support.need import need
from tests.support.seed_blocks import BROKER, shows, text_of


@pytest.fixture
def settings_folder(monkeypatch, tmp_path):
    """A settings folder; gives the file of Celery's settings."""
    need("celery")
    (tmp_path / "plan.json").write_text("{}")
    monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
    for variable, value in BROKER.items():
        monkeypatch.setenv(variable, value)
    return tmp_path / "celeryconfig.py"


class TestCeleryconfig:
    """Blocks that are settings of Celery."""

    @shows("000:065")
    def test_names_that_celery_does_not_have(self, settings_folder):
        """Each of the three is refused by its name, with what to write instead; without them the block counts."""
        text = text_of("000:065")
        remedies = {
            "task_retry_delay": "Retries are declared",
            "task_max_retries": "Retries are declared",
            "task_result_expires": "Did you mean 'result_expires'",
        }
        for name, remedy in remedies.items():
            settings_folder.write_text(text)
            with pytest.raises(ConfigurationError, match=rf"config\.py: Celery has no setting '{name}'\. {remedy}"):
                _ = CeleryBackend(load_config_from_env("celery")).app
            kept = [line for line in text.splitlines() if not line.startswith(name)]
            text = "\n".join(kept) + ("\nresult_expires = 3600\n" if name == "task_result_expires" else "\n")
        settings_folder.write_text(text)
        found = CeleryBackend(load_config_from_env("celery")).app.conf

        assert (found.result_expires, found.worker_prefetch_multiplier, found.task_acks_late) == (3600, 1, True)

    @shows("001:052")
    def test_an_old_key(self, settings_folder):
        """The block is an application of plain Celery; its old key is refused with the new one's name."""
        from celery import Celery

        names: dict[str, object] = {"app": Celery(set_as_current=False)}
        exec(text_of("001:052"), names)  # noqa: S102 - running the block is the test
        assert names["my_task"].max_retries == 3
        settings_folder.write_text(f"CELERY_ROUTES = {names['CELERY_ROUTES']!r}\n")
        with pytest.raises(ConfigurationError, match=r"'CELERY_ROUTES' is an old key\. Write 'task_routes'"):
            _ = CeleryBackend(load_config_from_env("celery")).app
        settings_folder.write_text(f"task_routes = {names['CELERY_ROUTES']!r}\n")

        assert CeleryBackend(load_config_from_env("celery")).app.conf.task_routes == names["CELERY_ROUTES"]

    @shows("000:288")
    def test_tuning_reaches_celery(self, settings_folder):
        """All four names are Celery's own."""
        settings_folder.write_text(text_of("000:288"))
        found = CeleryBackend(load_config_from_env("celery")).app.conf

        assert (found.worker_prefetch_multiplier, found.worker_max_tasks_per_child) == (1, 100)
        assert (found.task_compression, found.result_compression) == ("gzip", "gzip")
