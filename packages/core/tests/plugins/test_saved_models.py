"""Saved models with ops of plugins: nothing is imported without consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import PluginFolder

OP = """
    print("imported")
    import numpy as np
    from penstock.ops._declare import op
    @op(infer="same", name="acme.half")
    def half(x: "TensorLike"):
        '''Halve.'''
    @half.reference
    def _(x):
        return np.asarray(x) / 2
    @hookimpl
    def penstock_register_ops(ops):
        ops.add(half)
"""


def test_ops_are_imported_by_consent(plugins: PluginFolder) -> None:
    plugins.add("acme", OP, '[[provides.op]]\nname = "acme.half"')
    net = str(plugins.root / "net")
    out, _ = plugins.run(
        f"""
        import penstock as ps
        half = ps.registry.op_function("acme.half")
        ps.save(lambda x: half(x), {net!r}, [("float32", ("n",))], golden=([4.0],))
        print(open({net!r} + "/graph.json").read())
        """
    )
    assert '{"name": "acme", "ops": ["acme.half"]}' in out
    out, _ = plugins.run(
        f"""
        import penstock as ps
        try:
            ps.load({net!r})
        except ps.errors.PluginError as error:
            print(error)
        print(ps.load({net!r}, allow_plugins=["acme"])([3.0]).tolist())
        """
    )
    refused, _, allowed = out.partition("imported")
    assert "plugins that are not allowed: acme for acme.half" in refused
    assert "allow_plugins=['acme']" in refused
    assert "[1.5]" in allowed
