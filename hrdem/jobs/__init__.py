"""One module a public verb: extract, load, preview, doctor, and the executor they share."""
