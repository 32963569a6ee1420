"""Training methods for localisation, one file each: heads whose training does more than CAM's."""
