// The embedded list of models: core/route/models.json as bytes, made by the build.
#pragma once

#include <stddef.h>

extern const unsigned char route_catalogue_json[];
extern const size_t route_catalogue_json_bytes;
