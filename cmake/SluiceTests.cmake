# SPDX-License-Identifier: Apache-2.0
#
# How tests are made. Labels are CTest's: unit, abi, contract, integration, crash, fuzz, bench; and
# `rocksdb` beside another one where the executable runs RocksDB, which the thread sanitizer needs to
# know. For each label there is a target, sluice_tests_<label>, that builds what its tests need, and
# sluice_tests_tsan for all that run no RocksDB.
find_package(GTest CONFIG REQUIRED)

# Tests are compiled more often than they are run: little optimisation, none under a sanitizer.
if(SLUICE_SANITIZE)
  set(sluice_test_compile_options -O0)
else()
  # At -O1, GCC 12 sees bounds crossed in std::string's own inlined code; where, depends on the length of
  # string literals, that is, on the folder that the checkout lies in. The host is checked at -O2.
  set(sluice_test_compile_options -O1
    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds$<SEMICOLON>-Wno-stringop-overflow$<SEMICOLON>-Wno-restrict>)
endif()

# GoogleTest's headers, compiled once for all test executables: a third of what a test source costs.
# (-fpch-preprocess and the launcher's sloppiness are what ccache asks for.)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND sluice_test_compile_options -fpch-preprocess)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc "int main() { return 0; }\n")
  add_executable(sluice_test_precompiled ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc)
  set_target_properties(sluice_test_precompiled PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests SLUICE_TEST ON)
  target_compile_options(sluice_test_precompiled PRIVATE ${sluice_test_compile_options})
  target_link_libraries(sluice_test_precompiled PRIVATE GTest::gmock_main sluice_compile_options)
  target_precompile_headers(sluice_test_precompiled PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

# Builds `target` (and, as a dependency, `ARGN`) with the tests of a label.
function(sluice_built_for_label label)
  if(NOT TARGET sluice_tests_${label})
    add_custom_target(sluice_tests_${label})
  endif()
  add_dependencies(sluice_tests_${label} ${ARGN})
endfunction()

#   sluice_unit_test(NAME config_test SOURCES a_test.cc USES config base LABELS unit)
# One CTest test an executable: hundreds of short processes would cost more than what they test.
# USES names host folders; what else is to be built before the test runs is added with add_dependencies.
function(sluice_unit_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SOURCES;USES;LINKS;LABELS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  set_target_properties(${ARG_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests SLUICE_TEST ON)
  target_compile_options(${ARG_NAME} PRIVATE ${sluice_test_compile_options})
  if(TARGET sluice_test_precompiled)
    target_precompile_headers(${ARG_NAME} REUSE_FROM sluice_test_precompiled)
  endif()
  target_include_directories(${ARG_NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${ARG_NAME} PRIVATE
    SLUICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLUICE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  list(TRANSFORM ARG_USES PREPEND sluice_ OUTPUT_VARIABLE libraries)
  target_link_libraries(${ARG_NAME} PRIVATE
    ${libraries} ${ARG_LINKS} GTest::gmock_main sluice_compile_options)
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  foreach(label ${ARG_LABELS})
    sluice_built_for_label(${label} ${ARG_NAME})
  endforeach()
  # (commit links the store, but its tests run pure functions and the gate.)
  set(runs_rocksdb ${ARG_USES})
  list(FILTER runs_rocksdb INCLUDE REGEX "^(store|node|bench|cli)$")
  if(runs_rocksdb)
    list(APPEND ARG_LABELS rocksdb)
  else()
    sluice_built_for_label(tsan ${ARG_NAME})
  endif()
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} --gtest_brief=1)
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

#   sluice_python_test(NAME canonical_stream SCRIPT check.py LABELS unit ARGS …)
# The script finds the build in SLUICE_BUILD_DIR and the sources in SLUICE_SOURCE_DIR.
function(sluice_python_test)
  cmake_parse_arguments(ARG "" "NAME;SCRIPT;TIMEOUT" "ARGS;LABELS" ${ARGN})
  add_test(NAME ${ARG_NAME}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "SLUICE_BUILD_DIR=${CMAKE_BINARY_DIR};SLUICE_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
endfunction()
