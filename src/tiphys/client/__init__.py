"""A server asked over REST, by the command line when ARGO_SERVER says where one is."""
