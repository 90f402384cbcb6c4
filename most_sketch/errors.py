"""The exceptions that a user can meet. The command line turns each into one line and an exit code."""


class MostSketchError(Exception):
    """Base of all errors that are the input's fault, with a message fit for a person."""


class InputError(MostSketchError):
    """A photo, folder, pair or option that cannot be used."""


class FaceError(InputError):
    """A photo in which no usable face was found."""


class WeightsError(MostSketchError):
    """A weights file or training state that is missing, damaged or of another shape."""


def first_line(error: BaseException) -> str:
    """What a library's error says, without the traces that some bring along."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
