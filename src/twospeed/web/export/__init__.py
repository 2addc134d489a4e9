"""A dream as static files: graphs, starts and a page that runs them in the browser."""
