// recordings.h: audio files and wave forms: /recordings. Limits: 32 wave forms remembered (the oldest goes), one computed at a time.
#pragma once

int recordings_init(void);
