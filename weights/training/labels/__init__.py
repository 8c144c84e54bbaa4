"""Labels of teachers for pictures that have none; see the README beside this file."""
