"""Who may do what: roles, rules and the file that an administrator writes."""
