// assets.h: the dashboard's files (http.assets-dir): GET and HEAD of what is beneath the folder; a path without a file name
// extension is a page of the application: index.html. Names under /assets/ carry a hash and are kept for ever by browsers.
// file.gz is sent where it stands beside file and the browser takes it.
#pragma once

int assets_init(void);
const char *assets_type(const char *path); // media type by extension
