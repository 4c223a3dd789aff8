"""The commands: usage, messages, exit codes, and what importing costs."""

import json
import subprocess
import sys
import textwrap

import pytest

from task_abstraction import exporter, factory, registry, worker
from task_abstraction.backends import celery
from task_abstraction.config import TierSettings, parse_plan
from task_abstraction.errors import (
    BackendNotInstalled,
    BackendNotSupported,
    BackendUnavailable,
    ConfigurationError,
    DependencyNotInstalled,
    TaskNotRegistered,
)
from task_abstraction.models import QueueStats
from task_abstraction.reloading import application_files
from tests.support.workers import clean_environment
from tests.unit.library.fake_backend import FakeBackend


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A working directory with one task module, a fake backend, and nothing left behind."""
    (tmp_path / "shop_tasks.py").write_text(
        textwrap.dedent(
            """
            from task_abstraction import RetryPolicy, get_backend

            backend = get_backend()

            @backend.register_task(queue="orders", retry=RetryPolicy(max_attempts=3))
            def charge(amount: int) -> int:
                return amount
            """
        )
    )
    (tmp_path / "broken_tasks.py").write_text("x = 1\nraise RuntimeError('no database')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("TASK_BACKEND_TYPE", "fake")
    monkeypatch.setenv("TASK_HEALTH_PORT", "0")
    monkeypatch.setattr(registry, "_registered", {"fake": FakeBackend})
    yield
    factory.forget_backends()
    for name in ("shop_tasks", "broken_tasks"):
        sys.modules.pop(name, None)


class TestWorker:
    """`task-backend-worker`."""

    def test_tasks_are_listed(self, capsys):
        """Name, queue, attempts and timeout of each task of the application."""
        assert worker.main(["--app", "shop_tasks", "--list-tasks"]) == 0
        assert "charge  orders  3         -" in capsys.readouterr().out

    def test_a_run_ends_clean(self):
        """The backend's own end is exit code 0."""
        assert worker.main(["--app", "shop_tasks", "--queues", "orders", "--concurrency", "2"]) == 0

    def test_production_requires_queues(self, monkeypatch, capsys):
        """The kept message, exit code 1."""
        monkeypatch.setenv("ENVIRONMENT", "prod")
        monkeypatch.setenv("TASK_QUEUES", "orders")
        assert worker.main([]) == 1
        assert "No queues specified for production deployment." in capsys.readouterr().err

    def test_a_broken_module_gives_file_and_line(self, capsys):
        """The cause is named where it is."""
        assert worker.main(["--app", "broken_tasks", "--queues", "orders"]) == 1
        assert "broken_tasks.py:2: RuntimeError: no database" in capsys.readouterr().err

    def test_a_check_prints_each_answer(self, capsys, monkeypatch):
        """Exit code 0 when all is well, else 1 with the reason."""
        assert worker.main(["--check"]) == 0
        assert capsys.readouterr().out == "celery: ok\n"

        def away(_, timeout_s):
            raise BackendUnavailable("celery", "redis://h/0", f"no answer in {timeout_s:g} s")

        monkeypatch.setattr(FakeBackend, "_ping", away)
        assert worker.main(["--check"]) == 1
        assert "redis://h/0: no answer in 10 s" in capsys.readouterr().out

    def test_a_dry_run_finds_a_task_that_nobody_serves(self, capsys, monkeypatch, tmp_path):
        """With rendered tiers every task must have a queue that one of them serves."""
        monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
        tiers = {"low": {"backend": "celery", "queues": ["other"], "concurrency": 7}}
        (tmp_path / "plan.json").write_text(json.dumps({"tiers": tiers}))
        assert worker.main(["--app", "shop_tasks", "--queues", "other", "--dry-run"]) == 1
        assert "tier low, queues other, 7 slots" in capsys.readouterr().out

    def test_a_surprise_is_one_line(self, capsys, monkeypatch):
        """An error that nobody foresaw: exit code 1, its class and text, no traceback and no secret."""

        def surprise(*_):
            raise OSError("cannot open redis://u:surprising-password@h/0")

        monkeypatch.setattr(FakeBackend, "_serve", surprise)
        assert worker.main(["--app", "shop_tasks", "--queues", "orders"]) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("task-backend-worker: unexpected OSError: cannot open redis://***@h/0.")

    def test_wrong_usage_is_code_2(self):
        """Argparse's own code."""
        with pytest.raises(SystemExit) as caught:
            worker.main(["--nope"])
        assert caught.value.code == 2

    def test_reload_is_refused_in_production(self, monkeypatch, capsys):
        """Code that changes under a running worker is for development."""
        assert worker.main(["--queues", "orders", "--reload"]) == 1
        assert "--reload has no module to watch. Use --app or TASK_MODULES" in capsys.readouterr().err
        monkeypatch.setenv("ENVIRONMENT", "prod")
        assert worker.main(["--app", "shop_tasks", "--queues", "orders", "--reload"]) == 1
        assert "--reload is for development" in capsys.readouterr().err

    def test_reload_watches_the_package_of_a_module(self, tmp_path):
        """All files of its top-level package, or the one file of a module; nothing is imported for it."""
        package = tmp_path / "watched" / "inner"
        package.mkdir(parents=True)
        (tmp_path / "watched" / "__init__.py").write_text("raise RuntimeError")
        (package / "tasks.py").write_text("")
        watched = application_files(["watched.inner.tasks", "shop_tasks", "nowhere.tasks"])

        assert watched == [
            tmp_path / "shop_tasks.py",
            tmp_path / "watched" / "__init__.py",
            package / "tasks.py",
        ]

    def test_cut_prepares_the_environment_before_the_sdk(self, monkeypatch, tmp_path):
        """Billiard reads REMAP_SIGTERM at its import, so it is set before."""
        monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
        tiers = {"low": {"backend": "celery", "queues": ["q"], "shutdown": "cut"}, "high": {"queues": ["r"]}}
        (tmp_path / "plan.json").write_text(json.dumps({"tiers": tiers}))
        changed: dict[str, str] = {}
        worker.prepare_environment("celery", ["r"], changed)
        assert changed == {}
        worker.prepare_environment("celery", ["q"], changed)
        assert changed == {"REMAP_SIGTERM": "SIGQUIT"}

    def test_pool_gevent_is_refused_where_nothing_is_patched(self, monkeypatch):
        """Its tasks would never run; and where gevent is absent the message says how to install it."""
        with pytest.raises(
            ConfigurationError, match=r"^pool gevent: this process is not patched.* task-backend-worker"
        ):
            celery.check_patched("gevent")
        celery.check_patched("solo")
        monkeypatch.setitem(sys.modules, "gevent.monkey", None)
        with pytest.raises(DependencyNotInstalled, match=r"pip install 'gevent>=25\.9'"):
            celery.patch_for("gevent")


def test_a_producer_learns_names_from_task_modules(monkeypatch):
    """A process that imported nothing itself still knows the application's tasks, and refuses a typo."""
    monkeypatch.setenv("TASK_MODULES", "shop_tasks")
    backend = factory.get_backend()
    assert backend.submit("charge", 3)
    with pytest.raises(TaskNotRegistered):
        backend.submit("chrage", 3)


def test_a_producer_without_the_modules_says_so(monkeypatch, caplog):
    """The name stays unknown, and the log says why."""
    monkeypatch.setenv("TASK_MODULES", "not_installed_here")
    with pytest.raises(TaskNotRegistered):
        factory.get_backend().submit("charge", 3)
    assert "task module 'not_installed_here' cannot be imported" in caplog.text


class TestExporter:
    """`task-backend-exporter`."""

    def test_a_shared_queue_is_split_by_slots(self):
        """Two tiers on one queue: each gets its share of the backlog."""
        tiers = {
            "base": TierSettings(name="base", queues=("q", "own"), concurrency=1),
            "burst": TierSettings(name="burst", queues=("q",), concurrency=3),
        }
        stats = {"q": QueueStats(waiting=8, in_flight=4), "own": QueueStats(waiting=1, in_flight=0)}
        assert exporter.outstanding(tiers["base"], stats, tiers) == {"waiting": 3, "in_flight": 1, "outstanding": 4}
        assert exporter.outstanding(tiers["burst"], stats, tiers) == {"waiting": 6, "in_flight": 3, "outstanding": 9}

    def test_what_is_not_known_is_absent(self):
        """A missing key is an error for the scaler; a 0 would scale busy workers away."""
        tier = TierSettings(name="t", queues=("q",))
        assert exporter.outstanding(tier, {"q": QueueStats(waiting=2)}, {"t": tier}) == {"waiting": 2}

    def test_gauges_come_and_go_with_sight(self, monkeypatch):
        """A queue value that the backend cannot tell is no series; blind drops them all."""
        plan = parse_plan({"tiers": {"t": {"backend": "celery", "queues": ["q"]}}})
        probe = exporter.Exporter(FakeBackend(), ["q"], plan=plan, interval_s=1)
        assert probe.scaling("/scaling/t")[0] == 503
        probe.look()
        assert 'task_queue_depth{backend="celery",queue="q",tier="t"} 0' in probe.metrics("")[2]
        assert "task_queue_in_flight{" not in probe.metrics("")[2]
        assert probe.scaling("/scaling/t")[0] == 200

        def blind(_, queues):
            raise BackendUnavailable("celery", "redis://h/0", f"{len(queues)} queues out of sight")

        monkeypatch.setattr(FakeBackend, "queue_stats", blind)
        probe.look()
        assert "task_queue_depth{" not in probe.metrics("")[2]
        assert 'task_backend_up{backend="celery"} 0' in probe.metrics("")[2]
        assert probe.scaling("/scaling/t")[0] == 503
        assert probe.livez("")[0] == 200

    def test_no_queue_is_refused(self, capsys):
        """Nothing to export is a mistake of the deployment."""
        assert exporter.main([]) == 1
        assert "No queues to export" in capsys.readouterr().err


class TestFactory:
    """Where backend objects come from."""

    def test_one_object_for_one_configuration(self):
        """A registration made in one module is seen by another."""
        assert factory.get_backend() is factory.get_backend("fake")

    def test_an_unknown_name_lists_the_known(self):
        """The shipped names, then those that were registered."""
        with pytest.raises(BackendNotSupported) as caught:
            factory.get_backend(backend_type="x")
        assert str(caught.value) == (
            "Backend type 'x' not supported. Available backends: celery, hatchet, temporal, fake"
        )

    def test_an_absent_sdk_names_its_extra(self, monkeypatch):
        """The install line, not a traceback."""
        monkeypatch.setattr(registry, "_registered", {"gone": "nowhere.at_all:Backend"})
        with pytest.raises(BackendNotInstalled, match="Backend 'gone' not available"):
            registry.backend_class("gone")


IMPORT_CHECK = """
import sys
before = set(sys.modules)
import task_abstraction
from task_abstraction import *
foreign = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(foreign - {"task_abstraction"}))
"""


def test_import_brings_the_standard_library_only():
    """No SDK, no third-party package: with every public name."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_CHECK], env=clean_environment({}), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_resolves():
    """`__all__`, the table of places and the type-checking imports agree."""
    import task_abstraction

    for name in task_abstraction.__all__:
        assert getattr(task_abstraction, name) is not None
    assert sorted(task_abstraction._MODULE_OF) == sorted(task_abstraction.__all__)  # noqa: SLF001 - the table itself
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = task_abstraction.nope
