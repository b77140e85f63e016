"""Long computations behind pages of the documentation: `python -m studies.NAME`, from the root of the source tree."""
