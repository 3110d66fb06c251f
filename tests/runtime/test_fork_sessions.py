"""A forked child destroys no session that it inherited, not even the one of inner products, which it opens anew."""

import subprocess
import sys

CODE = """
import os, sys
import numpy as np
from goodpart._host import session
from goodpart._host.inner_products import inner_products

unit = np.eye(4, dtype=np.float32)
inner_products(unit, unit)
before = len(session._sessions)
pid = os.fork()
if pid == 0:
    kept = len(session._sessions)
    inner_products(unit, unit)
    os._exit(kept)
print(before, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_child_keeps_the_session_of_inner_products_that_it_inherited():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["1", "1"], done.stderr
