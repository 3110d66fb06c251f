"""The rules of the station: which frame is whose, what each part is answered, and when. No threads and no I/O."""
