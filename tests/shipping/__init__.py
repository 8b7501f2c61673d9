"""What is handed to users: the wheel, away from the checkout, and what goes with a release."""
