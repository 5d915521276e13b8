"""The administrator's pages that show how the line is doing: the flow's callers, prompts, health, the audit."""
