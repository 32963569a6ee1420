"""A whole config: loaded, checked, and cut into the jobs that it asks for."""
