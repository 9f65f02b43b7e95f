"""The web server: app factory, mounting in a Flask application, media, errors and security."""
