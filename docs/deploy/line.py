"""The example station has become a program: goodpart-station. See ../station.md; this file only says so.

A folder source judges every image file that appears in a folder, as this example did:

    goodpart-station init line.toml     # then fill it in
    goodpart-station check line.toml
    goodpart-station run line.toml

What a camera hands over as arrays needs a source of its own: see ../station.md, "A camera of your own".
"""

import sys

if __name__ == "__main__":
    sys.exit("line.py: expected goodpart-station run FILE.toml, found this example, which has become that program")
