"""The page in the browser: `hrdem app`. It calls the public functions of `hrdem` alone."""
