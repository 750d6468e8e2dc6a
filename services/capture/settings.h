// settings.h: the harvester's settings as one table.
#pragma once
#include "base/conf.h"

extern const struct conf_def capture_settings[];
extern const size_t capture_settings_count;
