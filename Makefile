# make demo [DATA=CATEGORY] [WEIGHTS=FILE]    the whole way on drawn or real images, with pictures at the end
# make test [ARGS=...]                        style, types and tests, on all cores; ARGS go to pytest (-n 0: in one process)
# make check, make tests [ARGS=...]           style and types alone; the tests alone
# make fuzz [ARGS=...]                        100,000 broken bundles; each is refused, or scores as it states itself
# make docs                                   the documentation as a site, in site/; every warning is an error
# make kills                                  500 kills at random moments of build, sign and store, 200 with two products
# make soak [BUNDLE=DIR] [ARGS=...]           a million frames, good and bad ones: memory and verdicts (15 minutes or so)
# make plc [PARTS=N]                          10,000 parts of a PLC over Modbus, one and twelve at a time (GOODPART_PEERS: docs/tests.md)
# make opcua [ARGS=...]                       1,000 results and 2,000 reconnects of an OPC UA client, 10,000 malformed messages
# make camera [PARTS=N]                       10,000 parts in front of a camera that misses triggers: none gets another one's verdict
# make frames [EXAMPLES=N] [SEED=N]           twenty thousand arrays of any kind in the place of a frame
# make schedules [ARGS=...]                   100,000 schedules of a line: no part passes by another one's frame
# make wheelhouse [PLATFORM=aarch64] [EXTRAS="genicam stream"]
#                                             all that an air-gapped PC needs, like this one or ARM64, in wheelhouse/
#
# All make .venv on first use and need only Python 3.11 to 3.13, make and a C++ compiler (hnswlib comes as source).
# make wheelhouse makes .venv-supply instead, with the runtime alone, and takes Python 3.10 too, like the runtime.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUPPLY := $(VENV)-supply

# Where torch comes from, besides the package index: give https://download.pytorch.org/whl/cpu to spare gigabytes of CUDA.
TORCH_INDEX ?=

.PHONY: demo test tests check fuzz kills soak plc opcua camera frames schedules wheelhouse docs install clean

demo: $(VENV)/installed
	BIN=$(BIN) DATA="$(DATA)" WEIGHTS="$(WEIGHTS)" ./demo.sh

# Tests start Python hundreds of times: it keeps what it has compiled, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =

# One process more than cores, because tests of cameras and links wait for time-outs. A file of tests stays whole, because
# its tests share what is slow to make; files start in their order, the short ones come last.
WORKERS ?= $(shell expr $$(nproc) + 1)
TESTS = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test: check
	$(TESTS)

tests: $(VENV)/installed
	$(TESTS)

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

fuzz: $(VENV)/installed
	$(BIN)/python tests/attacks/fuzz.py --count 100000 --seed 0 $(ARGS)

kills: $(VENV)/installed
	$(BIN)/python tests/attacks/kills.py --kills 500
	$(BIN)/python tests/attacks/kills_products.py --activations 300 --kills 200
	$(BIN)/python tests/attacks/kills_ring.py --kills 200

soak: $(VENV)/installed
	$(BIN)/python benchmarks/soak.py $(or $(BUNDLE),tests/fixtures/format_1) $(ARGS)

plc: $(VENV)/installed
	GOODPART_PARTS=$(or $(PARTS),10000) $(BIN)/python -m pytest -s --no-skips tests/station/test_modbus_peers.py $(ARGS)

opcua: $(VENV)/installed
	GOODPART_EVENTS=1000 GOODPART_RECONNECTS=1000 GOODPART_MESSAGES=10000 $(BIN)/python -m pytest -s --no-skips \
		tests/station/test_opcua_peers.py tests/station/test_opcua_hostile.py $(ARGS)

camera: $(VENV)/installed
	GOODPART_PARTS=$(or $(PARTS),10000) $(BIN)/python -m pytest -s tests/station/test_camera_parts.py $(ARGS)

frames: $(VENV)/installed
	GOODPART_EXAMPLES=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest tests/runtime/test_any_frame.py \
		--hypothesis-seed=$(or $(SEED),0) --hypothesis-show-statistics $(ARGS)

schedules: $(VENV)/installed
	$(BIN)/python tests/attacks/schedules.py $(ARGS)

wheelhouse: $(SUPPLY)/installed
	$(SUPPLY)/bin/python supply/wheelhouse.py wheelhouse $(if $(PLATFORM),--platform $(PLATFORM)) \
		$(foreach extra,$(EXTRAS),--station-extra $(extra))

install: $(VENV)/installed

# torch is pinned and comes first: a later, unpinned request would fetch another one. hnswlib is compiled for any x86-64,
# not for this very CPU, because pip caches what it built. pip would compile all Python files on one core, and most of them
# are never imported.
$(VENV)/installed: pyproject.toml runtime/pyproject.toml export/pyproject.toml bank_builder/pyproject.toml station/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --no-compile torch==2.13.0 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	HNSWLIB_NO_NATIVE=1 $(BIN)/pip install --quiet --no-compile torchvision==0.28.0 \
		--editable ./runtime --editable ./export --editable ./bank_builder \
		--editable "./station[modbus,mqtt,web,opcua,gpio,stream,genicam]" --group dev --group supply --group docs
	touch $@

$(SUPPLY)/installed: pyproject.toml runtime/pyproject.toml
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/pip install --quiet --upgrade "pip>=25.1"
	HNSWLIB_NO_NATIVE=1 $(SUPPLY)/bin/pip install --quiet --editable ./runtime --group supply
	touch $@

clean:
	rm -rf $(VENV) $(SUPPLY) demo wheelhouse site
