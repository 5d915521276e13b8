"""The flow: nodes from `flow.yaml`, checked as a whole, and its versions."""
