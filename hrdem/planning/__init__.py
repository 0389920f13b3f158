"""What will be read: files and their versions, windows, overviews, cost; nothing is read yet."""
