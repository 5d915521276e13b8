"""SVG elements that the flow's picture, the simulation and the reports share."""
