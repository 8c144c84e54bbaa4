"""What Nuke is given: scripts, the network in a form that it runs, and the bridge's installation."""
