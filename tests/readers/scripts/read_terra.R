# Read rasters with terra: OUT FILE...
suppressPackageStartupMessages(library(terra))
arguments <- commandArgs(trailingOnly = TRUE)
out <- arguments[1]
for (path in arguments[-1]) {
  stem <- file.path(out, sub("\\.[a-z]+$", "", basename(path)))
  text <- tryCatch({
    r <- rast(path)
    v <- values(r)
    v[is.na(v)] <- NaN
    connection <- file(paste0(stem, ".f32"), "wb")
    writeBin(as.vector(v), connection, size = 4, endian = "little")
    close(connection)
    code <- crs(r, describe = TRUE)$code
    system <- if (is.na(code)) gsub("\n", " ", gsub('"', '\\\\"', crs(r))) else paste0("EPSG:", code)
    sprintf('{"width":%d,"height":%d,"left":%.10g,"top":%.10g,"dx":%.10g,"dy":%.10g,"nodata":null,"crs":"%s"}',
            ncol(r), nrow(r), xmin(r), ymax(r), xres(r), yres(r), system)
  }, error = function(e) '{"error":"terra cannot read it"}')
  writeLines(text, paste0(stem, ".json"))
}
