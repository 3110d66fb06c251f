"""Texts of station files for tests."""

# every key once, each on a line of its own
FULL = """\
[station]
name = "line1"
data = "var"
public_key = "key.pub"
threads = 2
deadline_ms = 120
late_limit = 5
queue_parts = 6
auto_reset = true
start_product = 2

[[product]]
number = 1
name = "bracket"
store = "bracket"
preload = true

[[product]]
number = 2
name = "nut"
store = "nut"

[source]
kind = "folder"
path = "frames"
trigger = "hardware"
pair_before_ms = 40
pair_after_ms = 100
min_spacing_ms = 180
resync_ms = 160.5
timeout_s = 1
keep = 7
max_megapixels = 12

[plc.modbus]
listen = "192.168.10.2:502"
allow = ["192.168.10.1", "fe80::1"]
heartbeat_timeout_s = 1.5
unit = 3

[sink.jsonl]
path = "log/results.jsonl"
max_bytes = "20 MB"
keep = 2
"""
REPLAY = """\
kind = "replay"
path = "frames"
trigger = "software"
rate = 5
shuffle = true
repeat = false
dim = 0.9
defocus = 1.5
"""
LEAST = """\
[station]
name = "line1"
data = "var"
deadline_ms = 120
[[product]]
number = 4
name = "bracket"
store = "bracket"
[source]
kind = "folder"
path = "frames"
"""
