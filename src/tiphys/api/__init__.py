"""The REST server: Argo's API over the use cases of `service`."""
