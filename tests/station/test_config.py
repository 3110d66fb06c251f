"""The station's file: what is wrong in it is one line with file and line number, and nothing in it is ignored."""

import dataclasses
import re
import typing
from pathlib import Path

import pytest

from goodpart._host.toml_tables import Places, parsed
from goodpart.errors import UsageError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.config import Config, read_config
from goodpart_station.config.reading import read_tables, table
from goodpart_station.config.tables import FolderTable, JsonlTable, ProductTable, ReplayTable, StationTable
from goodpart_station.config.template import template
from goodpart_station.links.modbus import ModbusTable
from goodpart_station.settings import Endpoint
from station_files import FULL, LEAST, REPLAY


def test_every_key(read_text, tmp_path):
    config = read_text(FULL)
    assert config.station == StationTable(
        name="line1",
        data=tmp_path / "var",
        public_key=tmp_path / "key.pub",
        threads=2,
        deadline_ms=120.0,
        late_limit=5,
        queue_parts=6,
        auto_reset=True,
        start_product=2,
    )
    assert config.products == (
        ProductTable(number=1, name="bracket", store="bracket", preload=True),
        ProductTable(number=2, name="nut", store="nut"),
    )
    assert config.source == FolderTable(
        path=tmp_path / "frames",
        trigger=TriggerKind.HARDWARE,
        pair_before_ms=40.0,
        pair_after_ms=100.0,
        min_spacing_ms=180.0,
        resync_ms=160.5,
        timeout_s=1.0,
        keep=7,
        max_megapixels=12.0,
    )
    assert config.modbus == ModbusTable(
        listen=Endpoint("192.168.10.2", 502), allow=("192.168.10.1", "fe80::1"), heartbeat_timeout_s=1.5, unit=3
    )
    assert config.jsonl == JsonlTable(path=tmp_path / "log" / "results.jsonl", max_bytes=20_000_000, keep=2)
    assert config.start_product == 2
    assert config.store_of(config.products[1]) == tmp_path / "var" / "stores" / "nut"


def test_a_replay(read_text, tmp_path):
    # at a rate no trigger asks for each image
    free = REPLAY.replace('trigger = "software"\n', "")
    assert read_text(LEAST.partition("[source]")[0] + "[source]\n" + free).source.rate == 5.0
    config = read_text(LEAST.partition("[source]")[0] + "[source]\n" + REPLAY.replace("rate = 5\n", ""))
    assert config.source == ReplayTable(
        path=tmp_path / "frames",
        trigger=TriggerKind.SOFTWARE,
        shuffle=True,
        repeat=False,
        dim=0.9,
        defocus=1.5,
    )
    assert config.rules().simulated
    assert config.rules().trigger is TriggerKind.SOFTWARE


def test_the_least(read_text):
    config = read_text(LEAST)
    assert (config.modbus, config.jsonl, config.start_product) == (None, None, 4)
    rules = config.rules()
    assert (rules.trigger, rules.products, rules.simulated) == (TriggerKind.NONE, {4}, False)
    assert (rules.deadline_ns, rules.late_limit, rules.queue_parts) == (120_000_000, 3, 4)
    assert rules.plc_timeout_ns is None


def test_the_rules_of_a_hardware_trigger(read_text):
    rules = read_text(FULL).rules()
    times = (rules.pair_before_ns, rules.pair_after_ns, rules.min_spacing_ns, rules.resync_ns, rules.plc_timeout_ns)
    assert times == (40_000_000, 100_000_000, 180_000_000, 160_500_000, 1_500_000_000)
    assert (rules.auto_reset, rules.late_limit, rules.queue_parts) == (True, 5, 6)
    # without resync_ms it fits between the window and the next part
    assert read_text(FULL.replace("resync_ms = 160.5\n", "")).rules().resync_ns == 160_000_000


def test_two_products_wait_for_somebody_who_chooses(read_text):
    assert read_text(FULL.replace("start_product = 2\n", "")).start_product == 0


@pytest.mark.parametrize("name", ["name", "data", "deadline_ms", "number", "store", "path"])
def test_a_missing_key(refused, name):
    text = re.sub(rf"(?m)^{name} = .*\n", "", LEAST)
    found = r"expected the key '\w+' in \[(station|product|source)\], found none; add it"
    assert re.fullmatch(rf"line.toml:\d+: {found}", refused(text))


@pytest.mark.parametrize("name", ["station", "product", "source"])
def test_a_missing_table(refused, name):
    text = re.sub(rf"\[+{name}\]+\n([^\[].*\n)*", "", LEAST)
    brackets = "[[product]]" if name == "product" else f"[{name}]"
    assert refused(text) == f"line.toml: expected the table {brackets}, found none; add it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "deadline = 3",
            "4: expected one of the keys name, data, public_key, threads, deadline_ms, .*; do you mean 'deadline_ms'",
        ),
        (
            "colour = 3",
            "4: expected one of the keys .* in \\[station\\], found 'colour'; correct its name, or take the line",
        ),
        ("[rung.buffer]", "4: expected one of the tables .*, found 'rung'"),
        ("[sink.kafka]", "4: expected one of the tables .*, found 'sink.kafka'"),
        ("[plc]\nopcua = 3", "5: expected \\[plc.opcua\\], found something else"),
        ("[plc]\nmodbus = 3", "5: expected \\[plc.modbus\\], found something else"),
        ("[[plc.modbus]]", "4: expected \\[plc.modbus\\], found something else; correct the brackets"),
        ("[[sink]]", "4: expected tables such as \\[sink.NAME\\], found something else"),
        ("[station", "4: expected TOML, found "),
        ("name = 'again'", "4: expected TOML, found Cannot overwrite a value"),
    ],
)
def test_what_is_unknown(refused, text, expected):
    lines = LEAST.splitlines()
    assert re.match(rf"line.toml:{expected}", refused("\n".join([*lines[:3], text, *lines[3:]])))


def test_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"line\.toml: expected a station's file, found nothing"):
        read_config(tmp_path / "line.toml")


@pytest.mark.parametrize("key", ["pair_before_ms", "pair_after_ms", "min_spacing_ms", "resync_ms"])
def test_a_key_that_would_have_no_effect(refused, key):
    text = f"{LEAST}{key} = 10\n"
    assert refused(text).startswith(f'line.toml:12: {key}: expected no such key with trigger = "none", found one')


def test_a_software_trigger_has_no_frame_before_it(refused):
    message = refused(f'{LEAST}trigger = "software"\npair_before_ms = 10\n')
    assert message.startswith('line.toml:13: pair_before_ms: expected no such key with trigger = "software"')


def test_a_hardware_trigger_needs_the_spacing(refused):
    message = refused(f'{LEAST}trigger = "hardware"\n')
    assert message.startswith('line.toml:12: trigger: expected min_spacing_ms beside "hardware", found none')


def test_a_plc_needs_triggers(refused):
    message = refused(f'{LEAST}trigger = "none"\n[plc.modbus]\n')
    assert message.startswith(
        'line.toml:12: trigger: expected "software" or "hardware" beside [plc.modbus], found "none"'
    )


def test_a_modbus_server_is_for_this_pc_alone(read_text):
    config = read_text(f'{LEAST}trigger = "software"\n[plc.modbus]\n')
    assert config.modbus == ModbusTable(listen=Endpoint("127.0.0.1", 502), allow=())
    assert config.rules().plc_timeout_ns == 2_000_000_000


def test_ipv6(read_text):
    config = read_text(f'{LEAST}trigger = "software"\n[plc.modbus]\nlisten = "[::1]:5020"\n')
    assert config.modbus is not None
    assert (config.modbus.listen, str(config.modbus.listen)) == (Endpoint("::1", 5020), "[::1]:5020")


def test_the_template(read_text):
    config = read_text(template())
    assert config.station.name == "line1"
    assert config.source.path.name == "frames"
    # with its comments taken off, it still loads: what it says about keys is true
    text = re.sub(r"(?m)^# (\w+ = |\[)", r"\1", template())
    text = text.replace('trigger = "none"', 'trigger = "hardware"').replace("resync_ms = 500", "resync_ms = 160")
    kinds = typing.get_args(typing.get_type_hints(Config)["source"])
    keys = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    for key in keys - {field.name for field in dataclasses.fields(FolderTable)}:
        # the first is that of the source
        text = re.sub(rf"(?m)^{key} = .*\n", "", text, count=1)
    config = read_text(text)
    assert config.modbus is not None
    assert config.jsonl == JsonlTable(path=config.source.path.parent / "results.jsonl")
    # and it names them all
    for field in dataclasses.fields(Config):
        for cls in typing.get_args(typing.get_type_hints(Config)[field.name]) or (
            typing.get_type_hints(Config)[field.name],
        ):
            if dataclasses.is_dataclass(cls) and field.name != "places":
                names = {each.name for each in dataclasses.fields(cls)}
                assert all(re.search(rf"(?m)^(# )?{name} = ", template()) for name in names)


def test_the_defaults_that_the_template_shows(read_text):
    least = read_text(template())
    text = template()
    for key in ("late_limit", "queue_parts", "auto_reset", "preload", "keep = 1000", "max_megapixels", "timeout_s = 2"):
        text = re.sub(rf"(?m)^# ({key})", r"\1", text)
    full = read_text(text)
    assert (full.station, full.products, full.source) == (least.station, least.products, least.source)


def test_a_new_table_is_a_dataclass_and_one_line(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class RingTable:
        max_bytes: int = 20
        random_rate: float = 0.005

        def __post_init__(self):
            if self.random_rate > 1:
                raise UsageError(f"random_rate: expected a share of 0 to 1, found {self.random_rate}")

    more = dataclasses.make_dataclass("More", [("ring", RingTable | None, table("ring"))])

    def read_ring(text):
        places = Places(file=tmp_path / "line.toml", text=text)
        return read_tables(more, parsed(places), places)

    found = read_ring('[ring]\nmax_bytes = "1.5 GB"\nrandom_rate = 1\n')
    assert found == {"ring": RingTable(max_bytes=1_500_000_000, random_rate=1.0)}
    assert read_ring("") == {"ring": None}
    with pytest.raises(UsageError, match=r"line\.toml:3: random_rate: expected a share of 0 to 1, found 2"):
        read_ring("[ring]\n\nrandom_rate = 2\n")


def test_the_docs_name_every_key():
    docs = Path(__file__).parents[2] / "docs"
    text = "".join(page.read_text(encoding="utf-8") for page in sorted(docs.glob("station*.md")))
    keys = {
        key.name
        for hint in typing.get_type_hints(Config).values()
        for cls in typing.get_args(hint) or (hint,)
        if dataclasses.is_dataclass(cls) and cls is not Places
        for key in dataclasses.fields(cls)
    }
    # in a table of keys, or in an example
    assert {key for key in keys if re.search(rf"(?m)`{key}`|^ +(# )?{key} = ", text) is None} == set()
