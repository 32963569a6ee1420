"""Images, and the masks and maps that go with them: geometry, loading, scaling."""
