"""Taking over whole books: receive a body, then bring its lines into the files, chunk by chunk."""
