"""The caller's file: who they are, their earlier calls and cases, and the case that the operator works on."""
