"""``channelexplorer doctor``: is all there that the settings ask for, and what to do where it is not."""
