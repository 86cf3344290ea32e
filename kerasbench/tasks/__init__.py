"""What a run does: trains, or proves that its backend computes the same network as the reference."""
