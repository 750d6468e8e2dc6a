// s3_text.h: the texts of S3: percent-encoding as SigV4 wants it, and the few values we need out of XML. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

// All but unreserved characters (RFC 3986) as %XX; a '/' stays when keep_slash. False: no room.
bool s3_encode(const char *s, bool keep_slash, char *buf, size_t cap);
// The text of the next <name> at or after *at, which moves behind it. False: none. No namespaces, no attributes: what S3
// answers has none in these elements. &quot; and the like are not decoded, but for ETags' quotes in s3_etag.
bool s3_xml_next(struct span xml, const char *name, size_t *at, struct span *ret);
// Without quotes, as CompleteMultipartUpload takes it. False: empty or longer than cap - 1.
bool s3_etag(struct span s, char *buf, size_t cap);
