"""What a workflow is: read, checked, published and built; nothing here runs one."""
