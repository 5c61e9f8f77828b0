"""Who a customer is: normal forms (`normalise`), and which profile a party belongs to (`match`)."""
