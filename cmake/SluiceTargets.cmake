# SPDX-License-Identifier: Apache-2.0
#
# How every target of the project is made: warnings, sanitizers, and the include paths that turn the
# dependency rule of the architecture into a compile error.

add_library(sluice_compile_options INTERFACE)
target_compile_options(sluice_compile_options INTERFACE -Wall -Wextra -Wpedantic
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
if(SLUICE_SANITIZE)
  # The undefined-behaviour checks look at our code, not at the expansions of GoogleTest's macros, on
  # which they would double the time to compile.
  string(REPLACE ",undefined" "" sanitize_tests "${SLUICE_SANITIZE}")
  string(REPLACE "," "$<COMMA>" sanitize_code "${SLUICE_SANITIZE}")
  target_compile_options(sluice_compile_options INTERFACE
    -fsanitize=$<IF:$<BOOL:$<TARGET_PROPERTY:SLUICE_TEST>>,${sanitize_tests},${sanitize_code}>
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sluice_compile_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()

# A host folder is included as "<folder>/<header>.h". Each folder has an include root of its own that
# holds nothing but a link to it, so a target sees exactly the folders that it links.
#
#   sluice_host_library(store SOURCES database.cc … USES base model LINKS RocksDB::rocksdb-shared)
#
# USES names host folders (public: they may appear in this folder's headers), PUBLIC_LINKS libraries that
# do; LINKS names what only the sources of this folder see.
function(sluice_host_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINKS;PUBLIC_LINKS" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/include_roots/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/host/${name} ${root}/${name} SYMBOLIC)
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sluice_${name} PUBLIC ${root})
  list(TRANSFORM ARG_USES PREPEND sluice_ OUTPUT_VARIABLE used)
  target_link_libraries(sluice_${name}
    PUBLIC ${used} ${ARG_PUBLIC_LINKS} sluice_compile_options PRIVATE ${ARG_LINKS})
endfunction()
