"""Which table describes a model; what no table can express is refused by name."""

import re

from ..errors import Refused
from . import family_bert, family_encoder, family_gpt2, family_llama, family_vit_timm, family_vit_torchvision

TABLES = (family_vit_timm, family_vit_torchvision, family_bert, family_gpt2, family_llama, family_encoder)

# Words in names of modules and parameters that say what the trace format's weights do not have.
BEYOND = (
    ("relative position bias", r"rel(ative)?_(pos|attention|coords)|relative_position|distance_embedding|(^|[._])rpe([._]|$)"),
    ("ALiBi", r"alibi"),
    ("mixture of experts", r"(^|[._])(experts?|moe|router)([._]|$)"),
    ("cross-attention", r"cross_?att|encoder_attn|multihead_attn"),
    ("state-space or recurrent layers", r"(^|\.)(mamba|ssm|lstm|gru)(\.|$)"),
)
PARALLEL_FLAGS = ("use_parallel_residual", "parallel_attn")  # configurations of GPT-NeoX and Falcon


def plan_of(model, names=None):
    """The first table that recognises the model. Returns: Plan. Raises: Refused."""
    refuse_beyond(model)
    for table in TABLES:
        if table.recognises(model):
            plan = table.plan(model, names) if table is family_encoder else table.plan(model)
            plan.mapping.check_complete()
            return plan
    raise Refused("no table recognises this model", type(model).__name__,
                  "names " + ", ".join(name for name, _ in model.named_children()),
                  "; ".join(table.NAME for table in TABLES))


def refuse_beyond(model):
    """Architectures that the format's weights cannot express. Raises: Refused."""
    for what, pattern in BEYOND:
        for name in [n for n, _ in model.named_modules()] + [n for n, _ in model.named_parameters()]:
            if re.search(pattern, name.lower()):
                raise Refused(what, name, "present", "none in a closed loop")
    for name, module in model.named_modules():
        if re.match(r"Parallel.*(Block|Layer)", type(module).__name__):
            raise Refused("parallel blocks", name, type(module).__name__, "attention and MLP one after the other")
    for flag in PARALLEL_FLAGS:
        if getattr(getattr(model, "config", None), flag, False):
            raise Refused("parallel blocks", f"config.{flag}", "True", "attention and MLP one after the other")
