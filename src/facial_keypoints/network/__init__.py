"""What connections to any server need."""
