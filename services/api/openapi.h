// openapi.h: the description of the API as JSON, made from openapi.yaml at build time.
#pragma once
#include <stddef.h>

extern const unsigned char openapi_json[];
extern const size_t openapi_json_n;
