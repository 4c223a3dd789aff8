"""Who may import whom."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "generator" / "taskgen"
LIBRARY = ROOT / "library" / "task_abstraction"
CONTRACT = LIBRARY / "testing" / "contract"
PLUGIN = LIBRARY / "testing" / "plugin.py"  # these two run inside pytest, and nothing else imports them

GENERATOR_LAYERS = [
    {"data", "errors"},
    {"artifact"},
    {"profile"},
    {"plan"},
    {"rules"},
    {"rendering"},
    {"verifying"},
    {"output"},
    {"simulation", "report"},
    {"fastpath", "pipeline", "quick"},
    {"cli"},
    {"__main__"},
]
LIBRARY_LAYERS = [
    {"errors", "output"},
    {"models"},
    {"capabilities"},
    {"config"},
    {"codec", "context", "discovery", "encryption", "registry", "submitter", "tasks"},
    {"policy"},
    {"runtime"},
    {"catalogue", "dead_letters", "differences", "worker_job"},
    {"base", "serving", "steps", "submitting", "workflow_catalogue", "workflows"},
    {"backends", "integrations"},
    {"factory"},
    {"reloading"},
    {"dead_letter_command", "health", "worker", "exporter"},
    {"__init__", "__main__", "testing"},
]
FROM_LIBRARY = {"task_abstraction.capabilities", "task_abstraction.models"}
SDKS = {"celery", "kombu", "redis", "amqp", "temporalio", "hatchet_sdk", "kubernetes"}
# Plan and rules are functions of their arguments: nothing of the world, nothing of chance.
IMPURE = {"os", "shutil", "subprocess", "socket", "tempfile", "random", "secrets", "time", "uuid"}


def imports(tree: ast.AST) -> set[str]:
    """Absolute module names that a tree imports, at any depth of nesting."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer: write the full name"
            assert node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def imports_when_run(tree: ast.Module, *, functions: bool = True) -> set[str]:
    """Names that the running program imports: what stands under `if TYPE_CHECKING` is for the type checker alone."""
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= imports(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
        elif functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending.extend(ast.iter_child_nodes(node))
    return found


def imports_at_start(tree: ast.Module) -> set[str]:
    """Names that are imported when the module is: those outside functions."""
    return imports_when_run(tree, functions=False)


def parse(path):
    """The syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def top(names):
    """First parts of dotted names."""
    return {name.split(".")[0] for name in names}


def below(layers, part):
    """Parts that a module of this part may import from: its own layer and those before it."""
    for index, layer in enumerate(layers):
        if part in layer:
            return set().union(*layers[: index + 1])
    known = ", ".join(sorted(set().union(*layers)))
    return pytest.fail(f"{part} has no place in the layers: {known}")


def part_of(path, root):
    """First part of a module's place below its package."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def sources(root):
    """Every source file of a package, as test parameters."""
    return [pytest.param(path, id=str(path.relative_to(root.parent))) for path in sorted(root.rglob("*.py"))]


def assert_points_down(path, root, layers):
    """Fail on an import from a later layer of the same package; the package's own `__init__` may name any part."""
    package, part = root.name, part_of(path, root)
    if part == "__init__":
        return
    used = {name.split(".")[1] for name in imports_when_run(parse(path)) if name.startswith(f"{package}.")}
    used &= set().union(*layers)
    assert used <= below(layers, part), f"{part} must not import {sorted(used - below(layers, part))}"


def known_of(root):
    """Modules of a package, and those of the package that each knows, also where only a type is meant."""
    modules = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.rglob("*.py")
    }
    return {name: (imports(parse(path)) & modules.keys()) - {name} for name, path in modules.items()}


@pytest.mark.parametrize("path", sources(GENERATOR))
class TestGenerator:
    """Rules of `generator/taskgen`."""

    def test_imports_point_down(self, path):
        """A module imports only from its own layer and from those before it."""
        assert_points_down(path, GENERATOR, GENERATOR_LAYERS)

    def test_knows_only_the_facts_of_the_library(self, path):
        """Render refuses what the runtime would refuse, and shares nothing else with it."""
        used = {name for name in imports(parse(path)) if top([name]) == {"task_abstraction"}} - {"task_abstraction"}
        foreign = {name for name in used if not any(f"{name}.".startswith(f"{ok}.") for ok in FROM_LIBRARY)}
        assert not foreign, f"the generator may not import {sorted(foreign)}"

    def test_no_sdk_is_imported_at_start(self, path):
        """No import of the command line pulls in a backend's SDK; only a verifier asks for one, when it runs."""
        assert not SDKS & top(imports_at_start(parse(path)))
        assert part_of(path, GENERATOR) == "verifying" or not SDKS & top(imports(parse(path)))

    def test_plan_and_rules_are_pure(self, path):
        """Derivations and rules touch neither the world nor the clock."""
        if part_of(path, GENERATOR) in {"plan", "rules"}:
            assert not IMPURE & top(imports(parse(path)))


@pytest.mark.parametrize("path", sources(LIBRARY))
class TestLibrary:
    """Rules of `library/task_abstraction`."""

    def test_imports_point_down(self, path):
        """A module imports only from its own layer and from those before it."""
        assert_points_down(path, LIBRARY, LIBRARY_LAYERS)

    def test_knows_nothing_of_the_generator(self, path):
        """A worker image carries the library alone."""
        assert not {"taskgen", "jinja2", "pydantic", "typer", "ruamel"} & top(imports(parse(path)))

    def test_an_sdk_is_imported_only_by_its_backend(self, path):
        """Outside its backend, and the integrations that run inside a foreign application, no module knows an SDK."""
        if part_of(path, LIBRARY) not in {"backends", "integrations"}:
            assert not SDKS & top(imports(parse(path)))

    def test_imports_the_standard_library_only(self, path):
        """`import task_abstraction` works with nothing installed beside it."""
        if part_of(path, LIBRARY) not in {"backends", "integrations"}:
            runner = {"pytest"} if path.is_relative_to(CONTRACT) or path == PLUGIN else set()
            assert top(imports_at_start(parse(path))) <= sys.stdlib_module_names | {"task_abstraction"} | runner


def test_no_backend_knows_another():
    """Each folder in `backends/` imports nothing from its neighbours."""
    for folder in [path for path in (LIBRARY / "backends").iterdir() if path.is_dir()]:
        for path in folder.rglob("*.py"):
            names = {name for name in imports_when_run(parse(path)) if name.startswith("task_abstraction.backends.")}
            neighbours = {name for name in names if name.split(".")[2] != folder.name}
            neighbours = {name for name in neighbours if (LIBRARY / "backends" / name.split(".")[2]).is_dir()}
            assert not neighbours, f"{path.name} imports {sorted(neighbours)}"


@pytest.mark.parametrize("root", [GENERATOR, LIBRARY], ids=["generator", "library"])
def test_no_modules_know_each_other_in_a_circle(root):
    """Whoever reads a module need not read one that reads it: imports go one way, also those for types alone."""
    known = known_of(root)
    # An error carries the result that it tells of, and that result raises it.
    known.get("task_abstraction.errors", set()).discard("task_abstraction.models")

    try:
        TopologicalSorter(known).prepare()
    except CycleError as circle:
        pytest.fail(f"these import each other in a circle: {', '.join(circle.args[1])}")


def test_a_wrong_import_is_found():
    """The test of the layers sees an import that hides in a function."""
    tree = ast.parse("def f():\n    import taskgen.cli\n")

    assert imports_when_run(tree) == {"taskgen.cli"}
    assert imports_at_start(tree) == set()


def test_a_type_only_import_may_point_up():
    """An import for the type checker alone makes no program depend on a later layer."""
    tree = ast.parse("if TYPE_CHECKING:\n    import taskgen.cli\nelse:\n    import taskgen.plan\n")

    assert imports_when_run(tree) == {"taskgen.plan"}
