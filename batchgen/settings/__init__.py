"""What a person tunes: config.toml, the environment, .env and job files become frozen values that know their origins.

Only `project` and the commands see this; everybody else is handed plain values.
"""
