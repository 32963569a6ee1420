"""Every file that crosses a stage boundary, one module per kind."""
