# Warnings, hardening and build kinds. Generated protobuf code is built without the warnings.
# Kinds: Debug, Release (assertions stay on: must() is not NDEBUG's), Asan, Tsan, Fuzz (clang only).
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug Release Asan Tsan Fuzz" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(CALLMESH_WERROR "warnings are errors (CI)" OFF)
set(CM_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wcast-align -Wformat=2 -Wvla -Wundef -Wwrite-strings -Wimplicit-fallthrough)
# gcc says the same and knows system headers: clang would blame us for the casts in protobuf-c's __INIT macros.
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  list(REMOVE_ITEM CM_WARNINGS -Wcast-qual)
endif()
if(CALLMESH_WERROR)
  list(APPEND CM_WARNINGS -Werror)
endif()

set(san "-fno-omit-frame-pointer -fno-sanitize-recover=all")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -fno-omit-frame-pointer -D_FORTIFY_SOURCE=2 -fstack-protector-strong" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_ASAN "-O1 -g ${san} -fsanitize=address,undefined" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_TSAN "-O1 -g ${san} -fsanitize=thread" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_FUZZ "-O1 -g ${san} -fsanitize=address,undefined,fuzzer-no-link" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie -Wl,-z,relro,-z,now")
add_compile_definitions(_GNU_SOURCE)
