"""SVG elements shared by the flow's picture, the simulation and the reports."""
