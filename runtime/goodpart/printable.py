"""Text as it may stand in a message, a table or a log: one line, and nothing that a terminal obeys.

The name of a file may hold line breaks, commands for a terminal, and marks that turn the reading direction.
"""


def printable(value: object) -> str:
    """A value as text in which every character that is not printable is escaped, line breaks included.

    Args:
        value: anything that has a text, such as a path.
    """
    text = str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
