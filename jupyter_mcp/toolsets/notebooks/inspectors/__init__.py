"""What looks at variables from inside a kernel, one file a language."""
