"""What things cost, as ratios to what they would cost without Tiphys: `make bench`."""
