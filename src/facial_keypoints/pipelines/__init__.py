"""One folder per stage; stages never import each other."""
