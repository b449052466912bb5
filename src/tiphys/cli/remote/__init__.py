"""The verbs against a server: one that ARGO_SERVER or --argo-server names."""
