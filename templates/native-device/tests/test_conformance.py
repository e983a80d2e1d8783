from penstock_testkit.conformance import *  # noqa: F403

penstock_device = "acme_demo"
