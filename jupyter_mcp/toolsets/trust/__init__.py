"""Trust: tokens, policy, approvals, the stop button, the audit."""
