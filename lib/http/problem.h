// problem.h: errors as RFC 9457 problem details. code is stable and part of the API; detail is for people.
#pragma once
#include "http/request.h"

// Sets the reply (instead of one that was set before). Needs no buffer of the pool. Returns HTTP_DONE.
__attribute__((format(printf, 4, 5))) enum http_next
http_problem(struct http_req *q, unsigned status, const char *code, const char *detail, ...);
const char *http_status_title(unsigned status);
