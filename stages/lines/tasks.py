"""The tasks of stage `interpolate`, imported only if something has to be evaluated, since they need PyTorch."""

from stages.lines.line_task import line_task
from stages.lines.plane_task import plane_task
from stages.lines.trajectory_task import trajectory_task

__all__ = ["line_task", "plane_task", "trajectory_task"]
