"""What every room uses: checks of arguments, files, interrupted fits, shared types."""
