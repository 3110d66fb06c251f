"""The table [page] of the station's file."""

import re

import pytest

from goodpart import UsageError
from goodpart_station.config.config import read_config
from goodpart_station.page.options import PageTable, check_tokens
from goodpart_station.settings import Endpoint
from station_files import LEAST

WHOLE = """
[page]
listen = "192.168.10.2:443"
certificate = "tls/page.pem"
key = "/etc/page.key"
names = ["line1.example", "line1"]
threshold_range = [3, 6.5]
shifts = ["06:00", "18:30"]
"""


@pytest.fixture
def read_page(tmp_path):
    (tmp_path / "frames").mkdir()

    def read(text):
        return read_config(tmp_path / "station.toml", LEAST + text).page

    return read


def test_every_key(read_page, tmp_path):
    assert read_page(WHOLE) == PageTable(
        listen=Endpoint("192.168.10.2", 443), certificate=tmp_path / "tls" / "page.pem", key=read_page(WHOLE).key,
        names=("line1.example", "line1"), threshold_range=(3.0, 6.5), shifts=("06:00", "18:30"),
    )  # fmt: skip
    assert str(read_page(WHOLE).key) == "/etc/page.key"
    assert read_page("[page]\n") == PageTable()
    assert read_page("") is None


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ('listen = "192.168.10.2:443"', 'listen = "0.0.0.0:443"', "listen: expected the IP address of one"),
        ('certificate = "tls/page.pem"\nkey = "/etc/page.key"', "", "listen: expected certificate and key beside"),
        ('certificate = "tls/page.pem"', "", "key: expected certificate beside it"),
        ('key = "/etc/page.key"', "", "certificate: expected key beside it"),
        ('certificate = "tls/page.pem"', "certificate = 3", "certificate: expected a path"),
        ('names = ["line1.example", "line1"]', 'names = ["a b"]', "names: expected a list of host names"),
        ('names = ["line1.example", "line1"]', "names = [1]", "names: expected a list of host names"),
        ('names = ["line1.example", "line1"]', 'names = "line1"', "names: expected a list of host names"),
        ("threshold_range = [3, 6.5]", "threshold_range = [6.5, 3]", "threshold_range: expected two numbers"),
        ("threshold_range = [3, 6.5]", "threshold_range = [nan, 3]", "threshold_range: expected two numbers"),
        ("threshold_range = [3, 6.5]", "threshold_range = [3]", "threshold_range: expected two numbers"),
        ("threshold_range = [3, 6.5]", "threshold_range = 3", "threshold_range: expected two numbers"),
        ('shifts = ["06:00", "18:30"]', 'shifts = ["24:00"]', "shifts: expected a list of local times"),
        ('shifts = ["06:00", "18:30"]', 'shifts = ["6:00"]', "shifts: expected a list of local times"),
        ('shifts = ["06:00", "18:30"]', "tokens = 3", "expected one of the keys listen, certificate"),
    ],
)
def test_every_key_can_be_wrong(read_page, line, wrong, said):
    assert line in WHOLE
    with pytest.raises(UsageError, match=rf"station\.toml:\d+: .*{re.escape(said)}"):
        read_page(WHOLE.replace(line, wrong))


def test_other_computers_need_a_token(read_page):
    check_tokens(PageTable(), tokens=0)
    check_tokens(read_page(WHOLE), tokens=1)
    with pytest.raises(UsageError, match="goodpart-station token add"):
        check_tokens(read_page(WHOLE), tokens=0)


def test_which_addresses_this_pc_alone_reaches():
    assert Endpoint("127.0.0.1", 80).loopback and Endpoint("::1", 80).loopback
    assert not Endpoint("192.168.10.2", 80).loopback
