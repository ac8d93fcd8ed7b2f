"""What can go wrong in a plugin."""


class DeclarationError(Exception):
    """A mistake in the declaration of a plugin or a kernel."""

    def __init__(self, plugin, reason, kernel=""):
        where = f"plugin {plugin}: " + (f"kernel {kernel}: " if kernel else "")
        super().__init__(where + reason)


class Refused(Exception):
    """A request that is not acceptable, as opposed to a kernel that failed."""


class Cancelled(Exception):
    """The host no longer wants the result of a call."""
