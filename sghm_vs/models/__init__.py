"""Networks: their parts, their weights, and what runs them."""
