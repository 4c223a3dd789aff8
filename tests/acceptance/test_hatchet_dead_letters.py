"""Dead letters of Hatchet: failed runs that the engine keeps, by the command that works on every backend."""

import contextlib
import io
import json

import pytest

from task_abstraction import TaskStatus
from task_abstraction.worker import main
from tests.acceptance.hatchet_support import Fleet, producing
from tests.support.servers import wait_until

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Settings and tasks of this module."""
    return Fleet(tmp_path_factory.mktemp("letters"))


@pytest.fixture(scope="module")
def producer(fleet):
    """A producer beside a worker of the tier file."""
    with fleet.worker("file"), producing(fleet) as backend:
        yield backend


@pytest.fixture
def dead(fleet, monkeypatch):
    """Run `task-backend-worker dead-letter` for the queue of the tier, in this process."""
    for name, value in fleet.environment("file").items():
        monkeypatch.setenv(name, value)

    def run(command, *words):
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = main(["dead-letter", command, "--queue", "file_processing", *words])
        return code, output.getvalue(), errors.getvalue()

    return run


def wait_for(producer, task_id):
    """Wait until the failed run is filed."""
    store = producer.dead_letters()
    wait_until(lambda: [one for one in store.read("file_processing") if one.id == task_id], timeout_s=30, what="letter")


def test_a_failed_task_is_listed_and_shown(fleet, producer, dead):
    """With its arguments, attempts and error; secrets among the arguments are masked; other tasks are not there."""
    failed = producer.submit(fleet.name("say"), "x", fail=True)
    assert producer.get_result(failed, timeout=60).is_failed
    good = producer.submit(fleet.name("who"))
    assert producer.get_result(good, timeout=60).is_completed
    wait_for(producer, failed)

    listed = {one["id"]: one for one in json.loads(dead("list", "-o", "json")[1])}
    assert good not in listed
    assert (listed[failed]["task"], listed[failed]["attempts"]) == (fleet.name("say"), 2)
    code, shown, _ = dead("show", failed)
    assert code == 0
    assert 'args: ["x"]' in shown
    assert "invalid literal for int() with base 16: 'x'" in shown


def test_a_task_over_its_limit_is_one(fleet, producer, dead):
    """The reason says so."""
    failed = producer.submit(fleet.name("endless"))
    assert producer.get_result(failed, timeout=60).is_failed
    wait_for(producer, failed)

    letter = next(one for one in json.loads(dead("list", "-o", "json")[1]) if one["id"] == failed)
    assert (letter["reason"], letter["error"]) == ("time_limit", "Task exceeded timeout of 2s")


def test_replay_keeps_the_id(fleet, producer, dead):
    """The engine begins the run again: here attempt 4 succeeds, and the letter is gone."""
    task_id = producer.submit(fleet.name("flaky"), 4)
    assert producer.get_result(task_id, timeout=60).attempts == 3
    wait_for(producer, task_id)

    code, said, _ = dead("replay", task_id)
    assert (code, said) == (0, f"replayed {task_id}\n1 replayed\n")
    wait_until(lambda: producer.get_result(task_id).is_completed, timeout_s=60, what="completed")
    assert producer.get_result(task_id).unwrap() == 4
    assert task_id not in dead("list")[1]


def test_an_error_that_is_not_retryable_ends_a_replay_too(fleet, producer, dead):
    """One attempt more, although the engine would give five."""
    task_id = producer.submit(fleet.name("never"))
    assert producer.get_result(task_id, timeout=60).attempts == 1
    wait_for(producer, task_id)
    dead("replay", task_id)

    wait_until(lambda: producer.get_result(task_id).attempts == 2, timeout_s=60, what="the second attempt")
    assert producer.get_result(task_id, timeout=60).status is TaskStatus.FAILED
    assert producer.get_result(task_id).attempts == 2


def test_what_the_engine_cannot_do_is_refused(fleet, producer, dead):
    """It deletes no single run, and begins a run on no other queue."""
    assert producer
    code, _, said = dead("purge", "--all")
    assert code == 1
    assert "the engine deletes no single run" in said
    code, _, said = dead("replay", "--all", "--to", "high_priority")
    assert code == 1
    assert "Leave out --to" in said
    assert fleet.engine["HATCHET_CLIENT_TOKEN"] not in said
