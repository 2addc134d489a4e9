"""The table of families."""

from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.ltx import LTX
from twospeed.worldmodel.backbones.modelscope import MODELSCOPE
from twospeed.worldmodel.backbones.skyreels import SKYREELS
from twospeed.worldmodel.backbones.wan import WAN

FAMILIES: tuple[Backbone, ...] = (MODELSCOPE, WAN, SKYREELS, LTX)
"""All families of other makers that are opened as diffusers saved them."""

PIPELINES: dict[str, Backbone] = {
    pipeline: family for family in FAMILIES for pipeline in family.pipelines
}
"""Class in ``model_index.json`` -> family."""
