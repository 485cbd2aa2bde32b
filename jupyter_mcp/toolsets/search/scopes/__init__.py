"""What can be searched besides the files of a folder."""
