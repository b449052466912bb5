"""The store: journals, rows and requests, durable. It stores bytes and knows no meaning."""
