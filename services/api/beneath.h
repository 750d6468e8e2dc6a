// beneath.h: opens a file for reading beneath a folder and nowhere else: no .., no absolute path, no symbolic link out of it.
#pragma once

// File descriptor, or -1 with errno.
int beneath_open(int dir_fd, const char *path);
