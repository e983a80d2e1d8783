"""All that rewritten code calls, under the one name that it knows."""

from penstock.autograph._branches import if_
from penstock.autograph._loops import for_, while_
from penstock.autograph._operators import and_, assert_, callee, chain, if_exp, none_of, not_, or_
from penstock.autograph._state import UNSET, State, value

__all__ = [
    "UNSET",
    "State",
    "and_",
    "assert_",
    "callee",
    "chain",
    "for_",
    "if_",
    "if_exp",
    "none_of",
    "not_",
    "or_",
    "value",
    "while_",
]
