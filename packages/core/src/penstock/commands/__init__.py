"""What the `penstock` command does, one file for each word behind it; imported when that word is typed."""
