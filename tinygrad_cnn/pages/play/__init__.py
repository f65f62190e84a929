"""A page to draw on, on which a trained network answers and shows what each layer makes of the drawing."""
