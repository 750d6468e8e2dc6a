"""SIP texts as they rest in rows (column raw, read by raw_form): with zstd itself and the dictionary's file, none of the product's code."""
import ctypes
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOM = 65535
with open(os.path.join(ROOT, "lib", "store", "siptext_1.dict"), "rb") as f:
    DICTIONARY = {1: f.read()}
ZSTD = ctypes.CDLL("libzstd.so.1")
for name, kinds in (("ZSTD_createDCtx", ()), ("ZSTD_createCCtx", ()), ("ZSTD_decompress_usingDict", "pzpzpz"), ("ZSTD_compress_usingDict", "pzpzpzi")):
    fn = getattr(ZSTD, name)
    fn.argtypes = [{"p": ctypes.c_void_p, "z": ctypes.c_size_t, "i": ctypes.c_int}[k] for k in ("p" + "".join(kinds) if kinds else "")]
    fn.restype = ctypes.c_size_t if kinds else ctypes.c_void_p
D, C = ZSTD.ZSTD_createDCtx(), ZSTD.ZSTD_createCCtx()


def bytes_of(p):
    return ctypes.cast(ctypes.c_char_p(p), ctypes.c_void_p)


def unpack(form, stored):
    if form == 0:
        return stored
    out, words = ctypes.create_string_buffer(ROOM), DICTIONARY[form]
    n = ZSTD.ZSTD_decompress_usingDict(D, out, ROOM, bytes_of(stored), len(stored), bytes_of(words), len(words))
    if n > ROOM:
        raise ValueError(f"{len(stored)} bytes are no packed message")
    return out.raw[:n]


def pack(raw):
    out, words = ctypes.create_string_buffer(ROOM + 1000), DICTIONARY[1]
    n = ZSTD.ZSTD_compress_usingDict(C, out, len(out), bytes_of(raw), len(raw), bytes_of(words), len(words), 1)
    return out.raw[:n]
