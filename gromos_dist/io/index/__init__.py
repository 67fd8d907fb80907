"""Where the frames of a file are: found once, kept, and read from any place."""
