"""What tests of the station share."""

import pytest

from goodpart.errors import UsageError
from goodpart_station.config.config import read_config


@pytest.fixture
def read_text(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "key.pub").write_text("")
    file = tmp_path / "line.toml"

    def reads(text):
        file.write_text(text)
        return read_config(file)

    return reads


@pytest.fixture
def refused(read_text, tmp_path):
    """The message of an error without the folder of the file."""

    def says(text):
        with pytest.raises(UsageError) as error:
            read_text(text)
        assert "\n" not in str(error.value)
        return str(error.value).replace(f"{tmp_path}/", "")

    return says
