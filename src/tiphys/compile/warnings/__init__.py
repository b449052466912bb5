"""What is legal and yet surprising, or will go wrong at run time: warnings, never refusals."""
