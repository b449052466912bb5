"""Who asks (tokens, logins), and what they may (roles). Reached through `ports.Auth`."""
