"""The three networks as plain torch: modules, weights and loaders. Knows neither Ray nor OpenCV windows."""
