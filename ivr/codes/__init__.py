"""Feature codes and supervision: what operators and supervisors dial on their telephones."""
