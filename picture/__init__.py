"""SVG elements shared by the pictures of the flow, of reports and of simulations."""
