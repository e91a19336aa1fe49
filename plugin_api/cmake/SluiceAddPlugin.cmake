# SPDX-License-Identifier: Apache-2.0
#
# sluice_add_plugin(NAME SOURCES a.cc …): a target that builds NAME.so as the node wants it.
#   - a module without "lib" before its name;
#   - one exported symbol, sluice_plugin_entry_v1 (hidden visibility and a version script), and no
#     unique symbols: two copies of a library share no statics;
#   - every symbol resolved when it is linked, so that a missing library is found here and not at a node's
#     start (not under a sanitizer, whose runtime comes from the executable);
#   - never unloaded: a thread or a thread-key destructor of the plugin may outlive it.
# SLUICE_PLUGIN_OUTPUT_DIRECTORY, where set, is the folder that it is built into. Link further libraries
# with target_link_libraries(NAME PRIVATE …).
set(SLUICE_PLUGIN_VERSION_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/plugin.map" CACHE INTERNAL "")

function(sluice_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "sluice_add_plugin(${name}): no SOURCES")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    LINK_DEPENDS ${SLUICE_PLUGIN_VERSION_SCRIPT})
  if(SLUICE_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${SLUICE_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  target_compile_features(${name} PRIVATE c_std_99 cxx_std_20)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${SLUICE_PLUGIN_VERSION_SCRIPT} -Wl,-z,nodelete)
  if(NOT SLUICE_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  target_link_libraries(${name} PRIVATE sluice::plugin_api)
endfunction()
