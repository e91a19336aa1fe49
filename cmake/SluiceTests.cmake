# SPDX-License-Identifier: Apache-2.0
#
# How tests are made. Labels are CTest's: unit, abi, contract, integration, crash, fuzz, bench.
include(GoogleTest)
find_package(GTest CONFIG REQUIRED)

#   sluice_unit_test(NAME config_test SOURCES a_test.cc USES config base LABELS unit)
function(sluice_unit_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;USES;LINKS;LABELS;ENVIRONMENT" ${ARGN})
  foreach(source ${ARG_SOURCES})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
      list(REMOVE_ITEM ARG_SOURCES ${source})
    endif()
  endforeach()
  if(NOT ARG_SOURCES)
    return()
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${ARG_NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${ARG_NAME} PRIVATE
    SLUICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLUICE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  foreach(used ${ARG_USES})
    target_link_libraries(${ARG_NAME} PRIVATE sluice_${used})
  endforeach()
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LINKS} GTest::gmock_main sluice_compile_options)
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300)
endfunction()

#   sluice_python_test(NAME canonical_stream SCRIPT check.py LABELS unit ARGS …)
# The script finds the build in SLUICE_BUILD_DIR and the sources in SLUICE_SOURCE_DIR.
function(sluice_python_test)
  cmake_parse_arguments(ARG "" "NAME;SCRIPT;TIMEOUT" "ARGS;LABELS" ${ARGN})
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME ${ARG_NAME} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "SLUICE_BUILD_DIR=${CMAKE_BINARY_DIR};SLUICE_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
endfunction()
