"""The three networks as Ray Serve deployments."""
