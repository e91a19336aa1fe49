# SPDX-License-Identifier: Apache-2.0
#
# What is installed beside the program and the plugins, and the Debian package (`./run package`, or `cpack -G DEB`
# in a build folder).

# The scripts by which shells complete the command and its manual page, made by the program itself.
set(generated ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated})
set(made)
foreach(what bash zsh fish man)
  add_custom_command(OUTPUT ${generated}/sluice.${what}
    COMMAND sluice generate ${what} > ${generated}/sluice.${what} DEPENDS sluice VERBATIM)
  list(APPEND made ${generated}/sluice.${what})
endforeach()
add_custom_target(sluice_generated ALL DEPENDS ${made})
install(FILES ${generated}/sluice.bash DESTINATION share/bash-completion/completions RENAME sluice
  COMPONENT node)
install(FILES ${generated}/sluice.zsh DESTINATION share/zsh/vendor-completions RENAME _sluice
  COMPONENT node)
install(FILES ${generated}/sluice.fish DESTINATION share/fish/vendor_completions.d COMPONENT node)
install(FILES ${generated}/sluice.man DESTINATION share/man/man1 RENAME sluice.1 COMPONENT node)

# The unit names the program where it is installed.
install(CODE "
  file(READ \"${CMAKE_SOURCE_DIR}/share/systemd/sluice.service\" unit)
  string(REPLACE \"/usr/bin\" \"\${CMAKE_INSTALL_PREFIX}/bin\" unit \"\${unit}\")
  string(REPLACE \"/usr/share\" \"\${CMAKE_INSTALL_PREFIX}/share\" unit \"\${unit}\")
  file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/sluice.service\" \"\${unit}\")
  " COMPONENT node)
install(FILES share/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME sluice.conf COMPONENT node)
install(FILES share/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME sluice.conf COMPONENT node)

# Of the Debian package alone.
install(FILES share/debian/app.toml DESTINATION /etc/sluice COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES share/debian/copyright DESTINATION share/doc/sluice COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES share/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME sluice
  COMPONENT debian EXCLUDE_FROM_ALL)
install(DIRECTORY configs/ DESTINATION share/doc/sluice/examples COMPONENT debian EXCLUDE_FROM_ALL)
install(CODE "
  set(doc \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/doc/sluice\")
  execute_process(COMMAND gzip -9nc \"${CMAKE_SOURCE_DIR}/share/debian/changelog\"
    OUTPUT_FILE \"\${doc}/changelog.gz\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND gzip -9nf \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/man/man1/sluice.1\"
    COMMAND_ERROR_IS_FATAL ANY)
  " COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sluice)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Sluice authors <sluice@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "key-value stores whose every change is streamed to sinks")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A node that keeps named key-value stores in RocksDB and streams every change
of them to sinks: files, PostgreSQL, Apache Kafka, or anything that a plugin
can reach. A block of changes commits when the sinks that the operator named
have acknowledged it.")
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
file(WRITE ${generated}/conffiles "/etc/sluice/app.toml\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/share/debian/postinst
  ${CMAKE_SOURCE_DIR}/share/debian/prerm ${CMAKE_SOURCE_DIR}/share/debian/postrm ${generated}/conffiles)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_CMAKE_PROJECTS)
# In this order: the last one compresses what the first has installed.
foreach(component node Unspecified plugin_api debian)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS ${CMAKE_BINARY_DIR} ${PROJECT_NAME} ${component} /)
endforeach()
include(CPack)
