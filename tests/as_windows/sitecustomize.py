"""Python imports this in each process that a test starts: the folder is on PYTHONPATH."""

import emulation

emulation.install()
