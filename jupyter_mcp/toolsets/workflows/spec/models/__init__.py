"""The models of a spec, one class for each kind of node.

What a node does is a `Work`; a node is a work with an id and its needs. So a map can repeat a work
that is no node of its own, and an engine runs both alike.
"""

from __future__ import annotations

from jupyter_mcp.toolsets.workflows.spec.models.nodes import (
    KINDS,
    NODES,
    WORKS,
    ActionNode,
    AnalysisNode,
    AnyNode,
    AnyWork,
    ApprovalNode,
    DecisionNode,
    Map,
    MapNode,
    NotebookNode,
    NotificationNode,
    ProcessingNode,
    Spec,
    Subworkflow,
    SubworkflowNode,
    WaitNode,
)
from jupyter_mcp.toolsets.workflows.spec.models.parts import (
    Branch,
    Compensation,
    Model,
    Node,
    Otherwise,
    Retry,
    Rule,
    Threshold,
    Work,
)
from jupyter_mcp.toolsets.workflows.spec.models.works import (
    Action,
    Analysis,
    Approval,
    Decision,
    Notebook,
    Notice,
    Notification,
    Processing,
    Wait,
)

__all__ = [
    "KINDS",
    "NODES",
    "WORKS",
    "Action",
    "ActionNode",
    "Analysis",
    "AnalysisNode",
    "AnyNode",
    "AnyWork",
    "Approval",
    "ApprovalNode",
    "Branch",
    "Compensation",
    "Decision",
    "DecisionNode",
    "Map",
    "MapNode",
    "Model",
    "Node",
    "Notebook",
    "NotebookNode",
    "Notice",
    "Notification",
    "NotificationNode",
    "Otherwise",
    "Processing",
    "ProcessingNode",
    "Retry",
    "Rule",
    "Spec",
    "Subworkflow",
    "SubworkflowNode",
    "Threshold",
    "Wait",
    "WaitNode",
    "Work",
]
