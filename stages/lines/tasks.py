"""The tasks of stage `interpolate`: what is imported only where something is to be evaluated."""

from stages.lines.plane import plane_task
from stages.lines.suite import line_task
from stages.lines.trajectory import trajectory_task

__all__ = ["line_task", "plane_task", "trajectory_task"]
