#!/usr/bin/env python3
"""openapi.yaml to a C array that holds it as JSON."""
import json
import sys

import yaml


def main(src, dst):
    with open(src, encoding="utf-8") as f:
        text = json.dumps(yaml.safe_load(f), separators=(",", ":"), ensure_ascii=False).encode()
    rows = (",".join(str(b) for b in text[i:i + 32]) for i in range(0, len(text), 32))
    with open(dst, "w", encoding="ascii") as f:
        f.write('#include "openapi.h"\nconst unsigned char openapi_json[] = {\n' + ",\n".join(rows) + "};\n")
        f.write(f"const size_t openapi_json_n = {len(text)};\n")


main(sys.argv[1], sys.argv[2])
