"""Operating system and native libraries: files, locks, threads, sessions. Private."""
