# Read rasters with terra: OUT FILE...
suppressPackageStartupMessages(library(terra))
arguments <- commandArgs(trailingOnly = TRUE)
out <- arguments[1]
for (path in arguments[-1]) {
  stem <- file.path(out, sub("\\.tif$", "", basename(path)))
  text <- tryCatch({
    r <- rast(path)
    v <- values(r)
    v[is.na(v)] <- NaN
    connection <- file(paste0(stem, ".f32"), "wb")
    writeBin(as.vector(v), connection, size = 4, endian = "little")
    close(connection)
    sprintf('{"width":%d,"height":%d,"left":%.10g,"top":%.10g,"dx":%.10g,"dy":%.10g,"nodata":null,"crs":"EPSG:%s"}',
            ncol(r), nrow(r), xmin(r), ymax(r), xres(r), yres(r), crs(r, describe = TRUE)$code)
  }, error = function(e) '{"error":"terra cannot read it"}')
  writeLines(text, paste0(stem, ".json"))
}
