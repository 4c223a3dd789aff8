"""The interpreter of workflows against a stand-in for the SDK's durable context: what it starts, and with what."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hatchet_sdk import NonRetryableException
from hatchet_sdk.context.context import DurableContext
from hatchet_sdk.exceptions import TaskRunError

from task_abstraction.backends.hatchet import flows, interpreter
from task_abstraction.backends.hatchet.labels import INTERPRETER
from task_abstraction.backends.hatchet.sdk import client_config, new_client
from task_abstraction.config import BackendConfig
from task_abstraction.encryption import Sealer, sealer_of
from task_abstraction.models import TaskStatus

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


@dataclass
class Log:
    """What the engine keeps of a durable task: its answers by number, the inputs that it was given for them."""

    answer: Callable[[int, Any], Any]
    workflow_run_id: str = "run"
    asked: list[dict[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)

    async def _spawn_children_no_wait(self, configs: list[Any]) -> list[Any]:
        begun = []
        for config in configs:
            self.asked.append({"workflow": config.workflow_name, **json.loads(config.input)})
            self.metadata.append(config.options.additional_metadata)
            number = len(self.asked)
            begun.append(
                SimpleNamespace(
                    node_id=number, branch_id=1, workflow_name="w", workflow_run_external_id=f"step{number}"
                )
            )
        return begun

    async def _aio_result_for_spawned_child(self, node_id: int, *_: object) -> Any:
        found = self.answer(node_id, self.asked[node_id - 1])
        if isinstance(found, asyncio.Event):
            await found.wait()
        if isinstance(found, BaseException):
            raise found
        return found


class Runs:
    """Stands for the engine's other calls."""

    def __init__(self, *, cancelled: bool = False) -> None:
        self.ended: list[str] = []
        self._cancelled = cancelled

    def cancel_runs(self, run_ids: Any) -> None:
        """Note the runs."""
        self.ended += run_ids

    def is_cancelled(self, run_id: str) -> bool:
        """Say what the test wants."""
        return self._cancelled and run_id == "run"


def layers(sealer: Sealer, *shape: int) -> dict[str, Any]:
    """A definition with layers of so many steps; 0 is one sequential step."""

    def step(number: int) -> dict[str, Any]:
        given = dict(sealer.seal_json({"kwargs": {"by": number}}))
        return {"workflow": f"task{number}", "queue": "q", "priority": None, "given": given}

    made = [{"parallel": count > 0, "steps": [step(number) for number in range(max(count, 1))]} for count in shape]
    return {"layers": made, "initial": dict(sealer.seal_json({"result": 1}))}


@pytest.fixture
def sealer() -> Sealer:
    """A sealer without a key."""
    return sealer_of(BackendConfig("hatchet", {}), {})


@pytest.fixture
def run(make_backend):
    """Run the body of the interpreter with a log."""
    hatchet = new_client(client_config(make_backend().clients.connection))

    def start(definition: Any, log: Log, sealer: Sealer, runs: Any = None) -> Any:
        task = interpreter.interpreter(hatchet, runs or Runs(), sealer)
        assert task.name == INTERPRETER

        async def body() -> Any:
            try:
                return await task.tasks[0]._fn(definition, log)  # noqa: SLF001 - what the SDK calls
            finally:
                await asyncio.sleep(0.1)  # what it leaves behind ends runs in a thread

        return body()

    return start


def test_the_sdk_has_what_the_interpreter_uses():
    """Two methods of the SDK's context are its own: a new version may change them."""
    assert {"_spawn_children_no_wait", "_aio_result_for_spawned_child"} <= set(vars(DurableContext))


def test_layers_follow_each_other_with_their_values(run, sealer):
    """A parallel layer gets the value before it, and what follows gets the list of its outputs."""
    log = Log(lambda number, _: {"result": 10 * number})
    done = asyncio.run(run(layers(sealer, 0, 2, 0), log, sealer))

    assert done == {"result": 40}
    assert [one["previous"] for one in log.asked] == [
        {"result": 1},
        {"result": 10},
        {"result": 10},
        [{"result": 20}, {"result": 30}],
    ]
    assert [one["workflow"] for one in log.asked] == ["task0", "task0", "task1", "task0"]
    assert [one["x-taskgen-step"] for one in log.metadata] == ["first", "next", "next", "next"]
    assert flows.opened_step(log.asked[3], sealer) == {"args": [[20, 30]], "kwargs": {"by": 0}}


def test_a_run_that_begins_anew_asks_the_same(run):
    """The engine compares the inputs of a second run with its log: encrypted ones must not be written anew."""
    pytest.importorskip("cryptography")
    sealer = sealer_of(BackendConfig("hatchet", {}), {"TASK_ENCRYPTION_KEYS": KEY})
    outputs = [dict(sealer.seal_json({"result": number})) for number in range(9)]
    definition = layers(sealer, 0, 2, 2)
    first, second = (Log(lambda number, _: outputs[number]) for _ in range(2))
    done = asyncio.run(run(definition, first, sealer))
    asyncio.run(run(definition, second, sealer))

    assert first.asked == second.asked
    assert len(first.asked) == 5
    assert sealer.open_json(done) == {"result": [4, 5]}
    assert flows.opened_step(first.asked[3], sealer) == {"args": [[2, 3]], "kwargs": {"by": 0}}


def test_a_failed_member_ends_the_others(run, sealer):
    """The error is that of the step, with what was done; steps that are under way are cancelled."""
    runs, never = Runs(), asyncio.Event()
    jam = TaskRunError(exc="jam\nin two lines", exc_type="ValueError", trace="...", task_run_external_id=None)
    log = Log(lambda number, _: {1: {"result": 1}, 2: never, 3: jam}[number])
    with pytest.raises(NonRetryableException) as caught:
        asyncio.run(run(layers(sealer, 0, 2, 0), log, sealer, runs))

    assert str(caught.value) == "ValueError: jam\nin two lines\n[1 of 4 steps completed]"
    assert runs.ended == ["step2"]


@pytest.mark.parametrize(("cancelled", "ended"), [(True, ["step2"]), (False, [])], ids=["cancelled", "taken back"])
def test_only_a_cancelled_workflow_ends_its_steps(run, sealer, cancelled, ended):
    """The engine takes the interpreter of a stopping worker back in the same way, and then the steps go on."""
    runs, never = Runs(cancelled=cancelled), asyncio.Event()
    log = Log(lambda number, _: {"result": 1} if number == 1 else never)

    async def cancel_in_the_middle() -> None:
        running = asyncio.create_task(run(layers(sealer, 0, 0, 0), log, sealer, runs))
        done, _ = await asyncio.wait({running}, timeout=0.2)
        assert not done
        assert len(log.asked) == 2
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel_in_the_middle())
    assert runs.ended == ended


@pytest.mark.parametrize(
    ("run_state", "expected"),
    [
        ({"status": "QUEUED"}, (TaskStatus.PENDING, None, 0)),
        ({"status": "EVICTED"}, (TaskStatus.RUNNING, None, 2)),
        ({"status": "RUNNING"}, (TaskStatus.RUNNING, None, 2)),
        ({"status": "CANCELLED"}, (TaskStatus.CANCELLED, None, 2)),
        ({"status": "COMPLETED", "output": {"result": 7}}, (TaskStatus.COMPLETED, None, 3)),
        (
            {
                "status": "FAILED",
                "errorMessage": "NonRetryableException: ValueError: a\\\nb\\\n[1 of 3 steps completed]\n",
            },
            (TaskStatus.FAILED, "ValueError: a\nb", 1),
        ),
    ],
    ids=lambda value: value.get("status") if isinstance(value, dict) else "",
)
def test_states(run_state, expected):
    """A workflow that no worker follows is still running; a failed one says itself how far it came."""
    metadata = {"taskgen_workflow": "letters", "taskgen_steps": "3"}
    found = flows.to_result("id", {"actionId": f"ns_x:{INTERPRETER}", **run_state}, metadata, lambda: 2)

    assert (found.status, found.error, found.steps_completed) == expected
    assert (found.workflow_name, found.total_steps) == ("letters", 3)
    assert found.result == (7 if found.is_completed else None)
