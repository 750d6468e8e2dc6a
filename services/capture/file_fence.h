// file_fence.h: what a process that reads a file will open and whom it will call, and no more than that (lib/cage/fence.h).
#pragma once
#include "base/conf.h"

// Before any thread. Always 0: what cannot be fenced is read all the same, and that is said; what a setting has wrong is said by who opens it.
int file_fence(const struct conf *c);
