"""Services of the process: threads, locks, memory, atomic files, text that is safe to print."""
