"""The index of one folder: kept up to date, searched, owned by one process."""
