"""`compare`: candidates under equal conditions."""
