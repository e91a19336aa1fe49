# SPDX-License-Identifier: Apache-2.0
#
# Writes a C++ source that defines a string_view with the bytes of a text file:
#   cmake -DIN=page.html -DOUT=page.cc -DHEADER=cli/status_page.h -DNAME=kStatusPage -P EmbedText.cmake
file(READ ${IN} text)
# A string literal may have 65,536 bytes (C++20 [implimits]); adjacent ones are put together.
string(LENGTH "${text}" length)
if(length GREATER 60000)
  message(FATAL_ERROR "${IN}: too large to be put into one literal")
endif()
if(text MATCHES "\\)page\"")
  message(FATAL_ERROR "${IN}: holds the end of the raw string literal")
endif()
file(WRITE ${OUT} "// Made of ${IN}; not to be edited.\n#include \"${HEADER}\"\n\nnamespace sluice {\n\
const std::string_view ${NAME} = R\"page(${text})page\";\n}  // namespace sluice\n")
