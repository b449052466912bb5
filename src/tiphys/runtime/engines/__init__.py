"""podman and docker: where they are, what they are asked, what a container is for them."""
