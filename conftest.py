"""For pytest at the root: all packages are imported before pytest imports one of their files by its path.

That would import the package around it, which imports the file, and then the file once more: ``pytest
tinygrad_edu/samples/explanation.py tinygrad_edu/viz`` had two classes `Explanation`.
"""

import tinygrad_edu

for _name in tinygrad_edu.__all__:
    getattr(tinygrad_edu, _name)  # imports those that are imported on first use
