"""The first recipe of a folder whose images have many sizes."""

import numpy as np

from goodpart_bank_builder.cli.main import main


def test_many_sizes_are_counted_and_not_listed(tmp_path, capsys):
    (tmp_path / "tiles").mkdir()
    for number in range(9):
        np.save(tmp_path / "tiles" / f"{number}.npy", np.full((20 + max(0, number - 1), 30, 3), number, np.uint8))
    assert main(["init", str(tmp_path / "tiles"), "--recipe", str(tmp_path / "r.toml"), "--threads", "1"]) == 0
    first = (tmp_path / "r.toml").read_text().splitlines()[0]
    assert first.startswith("# 9 images; looked at: 2 of 20x30 uint8, ") and first.endswith(" and 3 more sizes")
    assert first.removeprefix("# 9 images; ") in capsys.readouterr().out
