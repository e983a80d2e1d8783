"""What `pytest --pyargs penstock_testkit --penstock-device NAME` runs."""

from penstock_testkit.conformance import *  # noqa: F403
