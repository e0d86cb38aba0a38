"""What a span costs: the floor, our cases in their states, and the peers beside us. Run `./scripts/bench`."""
