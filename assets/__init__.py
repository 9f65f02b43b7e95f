"""Static files of the page, shipped inside the package."""
