"""Every op, on the host, with these kernels where there are any."""

from penstock_testkit.conformance import *  # noqa: F403
