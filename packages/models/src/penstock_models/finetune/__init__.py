"""From a folder of examples to a model of one's own: `finetune`, and the command of this name."""

from penstock_models.finetune.call import finetune

__all__ = ["finetune"]
