"""What the operating system and the native libraries need: files, locks, threads, sessions. Private."""
