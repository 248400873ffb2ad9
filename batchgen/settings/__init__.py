"""What a person tunes: config.toml, the environment and .env become one frozen value that knows where each part came from.

Only `project` and the commands see this; everybody else is handed plain values.
"""
