"""Rooms stand on floors: a module imports from its own room, from rooms below, and from packages below."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = {
    "runtime/goodpart": [
        {"printable"},
        {"errors"},
        {"_host", "facts"},
        {"model", "bank"},
        {"scoring"},
        {"frames"},
        {"bundle"},
        {"watch"},
        {"inspector", "drift"},
        {"store"},
        {"__init__"},
        {"cli"},
    ],
    "export/goodpart_export": [
        {"torchvision_beside_cpu_torch", "profiles", "good_images"},
        {"sizing", "weights", "trunk"},
        {"onnx_file", "prologue"},
        {"parity", "quantize"},
        {"onnx_export"},
        {"__init__"},
        {"cli"},
    ],
    "bank_builder/goodpart_bank_builder": [
        {"progress", "data", "demo", "paint"},
        {"recipe"},
        {"learn", "evaluate"},
        {"doctor"},
        {"build"},
        {"compare", "life"},
        {"report"},
        {"many"},
        {"__init__"},
        {"cli"},
    ],
    "station/goodpart_station": [
        {"codes", "mailbox", "notify", "life", "settings", "tokens"},
        {"part", "clock", "gate"},
        {"line", "ring", "passed"},
        {"message"},
        {"conductor"},
        {"sources", "links", "sinks", "products", "results"},
        {"page", "opcua"},
        {"judge", "feed", "config"},
        {"engine"},
        {"io_loop"},
        {"running"},
        {"station", "check"},
        {"simulation", "grab"},
        {"__init__"},
        {"cli"},
    ],
}
"""The rooms of every package, bottom up. A room is a sub-package, or a module beside them."""

FORBIDDEN = {
    "goodpart": {
        "torch",
        "torchvision",
        "onnx",
        "sklearn",
        "tqdm",
        "goodpart_export",
        "goodpart_bank_builder",
        "goodpart_station",
    },
    "goodpart_export": {"goodpart_bank_builder", "cv2", "sklearn"},
    "goodpart_bank_builder": {"goodpart_export", "torch", "torchvision", "onnx"},
    "goodpart_station": {"torch", "torchvision", "onnx", "sklearn", "goodpart_export", "goodpart_bank_builder"},
}


def imported(source: str) -> set[str]:
    """Dotted names of all modules that a source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from goodpart._host import locks` imports the module, too
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(folder: str) -> dict[str, str]:
    """The source of every module of a package, by its dotted name within the package."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / folder).with_suffix("").parts)
        found[name if name == "__init__" else name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def violations(package: str, module: str, source: str, floors: list[set[str]]) -> list[str]:
    """What a module imports that lies neither in its own room nor below it."""
    floor_of = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    own = module.partition(".")[0]
    wrong = []
    for name in sorted(imported(source)):
        top, _, rest = name.partition(".")
        if top in FORBIDDEN[package]:
            wrong.append(f"{module} imports {name}")
        if top != package:
            continue
        # `import goodpart` and `from goodpart import Inspector` mean the package's public names
        room = rest.partition(".")[0]
        target = room if room in floor_of else "__init__"
        if target != own and floor_of[target] >= floor_of[own]:
            wrong.append(f"{module} (floor {floor_of[own]}) imports {name} (floor {floor_of[target]})")
    return wrong


def circle(package: str, sources: dict[str, str]) -> list[str]:
    """Modules that import each other in a circle, or none."""
    graph = {
        module: {
            name.removeprefix(f"{package}.")
            for name in imported(source)
            if name.removeprefix(f"{package}.") in sources and name.removeprefix(f"{package}.") != module
        }
        for module, source in sources.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("folder", FLOORS)
def test_every_room_has_a_floor(folder):
    found = {module.partition(".")[0] for module in modules(folder)}
    assert found == set().union(*FLOORS[folder])


@pytest.mark.parametrize("folder", FLOORS)
def test_modules_import_only_from_their_room_and_below(folder):
    package = Path(folder).name
    wrong = []
    for module, source in modules(folder).items():
        wrong += violations(package, module, source, FLOORS[folder])
    assert wrong == []


@pytest.mark.parametrize("folder", FLOORS)
def test_no_modules_import_each_other(folder):
    assert circle(Path(folder).name, modules(folder)) == []


@pytest.mark.parametrize("folder", FLOORS)
def test_rooms_hold_no_code_of_their_own(folder):
    for module, source in modules(folder).items():
        path = ROOT / folder / module.replace(".", "/") / "__init__.py"
        if module not in ("__init__", "profiles") and path.exists():
            assert len(ast.parse(source).body) == 1, f"{module}: expected a docstring alone"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "from goodpart.inspector import Inspector"),
        ("bank.search", "import goodpart.inspector"),
        ("bank.search", "from goodpart import model"),
        ("bank.search", "from goodpart.model.backbone import Backbone"),
        ("_host.locks", "from goodpart.facts.spec import FrameSpec"),
        ("frames.images", "from goodpart import Inspector"),
        ("inspector", "def late():\n    import torch"),
        ("scoring.scores", "from goodpart_bank_builder.evaluate.metrics import auroc"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert violations("goodpart", module, source, FLOORS["runtime/goodpart"])


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bank.search", "from goodpart.bank.graph import Graph"),
        ("bank.search", "from goodpart.facts import manifest"),
        ("cli.main", "import goodpart"),
    ],
)
def test_an_import_from_the_own_room_or_below_is_none(module, source):
    assert violations("goodpart", module, source, FLOORS["runtime/goodpart"]) == []


def test_a_planted_circle_is_found():
    sources = {"bank.search": "import goodpart.bank.graph", "bank.graph": "from goodpart.bank import search"}
    assert set(circle("goodpart", sources)) == {"bank.search", "bank.graph"}


def test_only_one_module_imports_opencv():
    assert [name for name, source in modules("runtime/goodpart").items() if "cv2" in imported(source)] == [
        "_host.opencv"
    ]
