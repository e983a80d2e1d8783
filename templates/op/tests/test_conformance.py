from penstock_testkit.conformance import *  # noqa: F403

penstock_ops = "acme_demo.*"
