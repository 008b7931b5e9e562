"""Pictures as vectors beside which texts have their place, so that words find them."""
