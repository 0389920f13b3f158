"""The one way in which hrdem speaks HTTP."""
