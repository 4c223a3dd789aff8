"""Metrics, the loop thread, running a body, and the table of capabilities."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from task_abstraction.capabilities import CAPABILITIES, CONDITIONS, WORKER_METRICS, capability
from task_abstraction.context import ENQUEUED_AT_HEADER, TaskContext, current_task
from task_abstraction.models import Feature, Reason, Support
from task_abstraction.runtime.execution import age_s, run_task
from task_abstraction.runtime.loop import LoopThread
from task_abstraction.runtime.metrics import MetricsRegistry
from task_abstraction.tasks import TaskDefinition
from tests.support.workers import families, samples


class TestMetrics:
    """The text that Prometheus reads."""

    def test_the_names_are_the_constant_list(self, metrics):
        """Rules and scalers are written against the list."""
        assert families(metrics.registry.render()) == set(WORKER_METRICS)

    def test_series_exist_before_the_first_event(self, metrics):
        """`increase()` sees the first event only if the series was 0 before."""
        found = samples(metrics.registry.render())
        for reason in Reason:
            assert (
                found[f'task_failed_total{{backend="celery",queue="q",task="add",tier="low",reason="{reason}"}}'] == 0
            )
        assert found['task_duration_seconds_count{backend="celery",queue="q",task="add",tier="low"}'] == 0

    def test_a_life_is_counted(self, metrics):
        """Start, end and outcome; the wait only once, for the first attempt."""
        metrics.started("q", "add", enqueued_at=time.time() - 2)
        assert 'task_worker_slots_busy{backend="celery",tier="low"} 1' in metrics.registry.render()
        metrics.ended("q", "add", duration_s=3)
        metrics.retried("q", "add")
        metrics.started("q", "add", enqueued_at=time.time() - 9, attempt=2)
        metrics.ended("q", "add", duration_s=0.5)
        metrics.succeeded("q", "add")
        found = samples(metrics.registry.render())
        labels = '{backend="celery",queue="q",task="add",tier="low"}'
        assert found[f"task_started_total{labels}"] == 2
        assert found[f"task_succeeded_total{labels}"] == 1
        assert found[f"task_queue_wait_seconds_count{labels}"] == 1
        assert found[f"task_duration_seconds_sum{labels}"] == 3.5
        assert found['task_duration_seconds_bucket{backend="celery",queue="q",task="add",tier="low",le="1.0"}'] == 1
        assert found['task_duration_seconds_bucket{backend="celery",queue="q",task="add",tier="low",le="+Inf"}'] == 2
        assert found['task_worker_slots_busy{backend="celery",tier="low"}'] == 0

    def test_a_foreign_name_is_no_label(self, metrics):
        """Names from outside would make series without bound."""
        metrics.failed("q", "evil-name", Reason.INVALID)
        assert "evil-name" not in metrics.registry.render()

    def test_label_values_are_escaped(self):
        """A queue name may hold anything."""
        registry = MetricsRegistry()
        registry.gauge("g", "G.", ("queue",)).set(('a"b\\c\nd',), 1.5)
        assert registry.render().splitlines()[-1] == r'g{queue="a\"b\\c\nd"} 1.5'

    def test_counting_is_safe_between_threads(self, metrics):
        """No event is lost."""
        threads = [
            threading.Thread(target=lambda: [metrics.succeeded("q", "add") for _ in range(1000)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (
            'task_succeeded_total{backend="celery",queue="q",task="add",tier="low"} 4000' in metrics.registry.render()
        )


class TestLoop:
    """The one background loop of a process."""

    def test_it_is_made_once_and_closed(self):
        """Calls share a loop; closing ends its thread; a later call makes a new one."""
        thread = LoopThread()

        async def which():
            return id(asyncio.get_running_loop())

        assert thread.run(which()) == thread.run(which())
        names = [t.name for t in threading.enumerate()]
        assert "task-loop" in names
        thread.close()
        assert thread.run(asyncio.sleep(0, 5)) == 5
        thread.close()

    def test_a_wait_can_run_out(self):
        """The coroutine is cancelled, and the error is ours."""
        thread = LoopThread()
        with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
            thread.run(asyncio.sleep(10), timeout=0.05)
        thread.close()

    def test_a_call_from_the_loop_itself_is_refused(self):
        """It would wait for itself for ever."""
        thread = LoopThread()

        async def nested():
            thread.run(asyncio.sleep(0))

        with pytest.raises(RuntimeError, match="use its async twin"):
            thread.run(nested())
        thread.close()

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_has_its_own(self):
        """The parent's loop thread does not exist in a child."""
        thread = LoopThread()
        thread.run(asyncio.sleep(0))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, b"ok" if thread.run(asyncio.sleep(0, 7), timeout=5) == 7 else b"no")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 2) == b"ok"
        os.close(reader)
        os.close(writer)
        thread.close()


class TestBodies:
    """Running one task body."""

    context = TaskContext(id="i", name="n", attempt=1, queue="q")

    def test_arguments_are_rebuilt_and_the_context_is_set(self):
        """The body gets its types and knows who it is."""

        def body(place: Path) -> Path:
            return place / current_task().id

        assert run_task(TaskDefinition(name="n", fn=body), {"args": ["/a"]}, self.context) == "/a/i"

    def test_an_async_body_runs(self):
        """Synchronous pools run async bodies on the loop of the process."""

        async def body(n: int) -> int:
            await asyncio.sleep(0)
            assert current_task().queue == "q"
            return n + 1

        assert run_task(TaskDefinition(name="n", fn=body), {"args": [1], "kwargs": {}}, self.context) == 2

    def test_there_is_no_context_outside(self):
        """Asking outside a task is a mistake."""
        with pytest.raises(LookupError, match="outside a task"):
            current_task()

    def test_the_age_is_read_from_the_header(self):
        """A message of another producer has none."""
        assert age_s({ENQUEUED_AT_HEADER: str(time.time() - 5)}) == pytest.approx(5, abs=1)
        assert age_s({}) is None
        assert age_s({ENQUEUED_AT_HEADER: "x"}) is None


class TestCapabilities:
    """The one table."""

    @pytest.mark.parametrize("backend", ["celery", "temporal", "hatchet"])
    def test_every_feature_has_an_answer_everywhere(self, backend):
        """Whatever broker and pool: native, emulated or refused, never nothing."""
        worlds = [
            {"broker": broker, "pool": pool, "quorum": quorum}
            for broker in ("redis", "amqp", "memory", "sqs")
            for pool in ("prefork", "threads", "gevent", "solo")
            for quorum in (False, True)
        ]
        for feature in Feature:
            for facts in worlds:
                assert capability(backend, feature, facts) is not None, (feature, facts)

    def test_every_refusal_names_a_remedy(self):
        """A refusal without a way out helps nobody."""
        for record in CAPABILITIES:
            assert record.condition is None or record.condition in CONDITIONS
            assert record.support is not Support.REFUSED or record.hint
            assert not record.hint.endswith(".")
