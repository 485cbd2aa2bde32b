"""The Jupyter server extension: thin Tornado adapters over the runtime.

Loading this room costs nothing: the SDK, pydantic and SQLAlchemy come with the first request.
"""
