"""Images and what lies over them: geometry, loading, masks, scaling."""
