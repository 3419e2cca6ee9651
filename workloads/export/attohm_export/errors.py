"""What the exporter says when it refuses: what, where, got, allowed."""


class CaptureError(ValueError):
    """The model or its inputs cannot become a trace."""

    def __init__(self, what, where, got, allowed):
        super().__init__(f"{what} (where: {where}; got: {got}; allowed: {allowed})")
        self.what, self.where, self.got, self.allowed = what, where, got, allowed


class Refused(CaptureError):
    """The trace format's weights cannot express this network; an open-loop trace still can be written."""
