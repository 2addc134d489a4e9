"""Commands and their parts for models of other makers: what they take, and learning on them."""
