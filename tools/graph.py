"""Print the graph of stages for docs/architecture.md: `dvc dag --md` with one node for all datasets or suites.

python tools/graph.py
"""

import re
import subprocess
import sys

NODE = re.compile(r'(node\d+)\["(.+?)"\]')
EDGE = re.compile(r"(node\d+)-->(node\d+)")


def collapse(graph: str) -> str:
    """Return a graph in which stages that differ in what follows `@` are one.

    Args:
        graph: What `dvc dag --md` prints.

    Returns:
        A Mermaid graph, fenced, from left to right.
    """
    families = {node: name.partition("@")[0] for node, name in NODE.findall(graph)}
    edges = sorted({(families[start], families[end]) for start, end in EDGE.findall(graph)})
    names = sorted(set(families.values()))
    several = {family for family in names if f'"{family}@' in graph}
    lines = [f'    {name}["{name}{"@..." if name in several else ""}"]' for name in names]
    lines += [f"    {start} --> {end}" for start, end in edges]
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


if __name__ == "__main__":
    command = [sys.executable, "-X", "utf8", "-m", "dvc", "dag", "--md", "dvc.yaml"]
    drawn = subprocess.run(command, capture_output=True, encoding="utf-8")
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(drawn.stderr) if drawn.returncode else print(collapse(drawn.stdout))
