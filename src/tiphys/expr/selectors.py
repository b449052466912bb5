"""Every selector language under one name: labels, node fields and resource conditions."""

from tiphys.expr.conditions import Conditions, parse_conditions
from tiphys.expr.labels import (
    LabelSelector,
    Requirement,
    name_fault,
    parse_labels,
    value_fault,
)
from tiphys.expr.node_fields import FieldTerm, NodeFieldSelector, parse_node_fields

__all__ = [
    "Conditions",
    "FieldTerm",
    "LabelSelector",
    "NodeFieldSelector",
    "Requirement",
    "name_fault",
    "parse_conditions",
    "parse_labels",
    "parse_node_fields",
    "value_fault",
]
