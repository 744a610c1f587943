# SPDX-License-Identifier: Apache-2.0
# nek_add_plugin(): how a plugin is built, the same in this repository and out of tree.
include_guard()

set(NEK_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/nek_plugin.map")
set(NEK_PLUGIN_INSTALL_DIR "lib/nek/plugins" CACHE STRING "Where plugins go below the prefix")

# nek_add_plugin(NAME geoip KIND filter SOURCES geoip.cpp [LIBS PkgConfig::maxminddb])
#   KIND  input, filter, output or codec.
#   Makes target nek-KIND-NAME: plugins/nek-KIND-NAME.so in the build folder. In this repository
#   also the test KIND_NAME_test from tests/*_test.cpp, and fuzz targets from tests/fuzz_*.cpp.
function(nek_add_plugin)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;KIND" "SOURCES;LIBS")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "nek_add_plugin(NAME name KIND kind SOURCES files... [LIBS libraries...])")
  endif()
  if(NOT arg_KIND MATCHES "^(input|filter|output|codec)$")
    message(FATAL_ERROR "nek_add_plugin(${arg_NAME}): KIND is input, filter, output or codec, "
                        "not '${arg_KIND}'")
  endif()

  # An object library, so that tests link what the plugin consists of and need no dlopen.
  set(objects ${arg_KIND}_${arg_NAME}_objects)
  add_library(${objects} OBJECT ${arg_SOURCES})
  target_link_libraries(${objects} PUBLIC nek::sdk ${arg_LIBS})
  set_target_properties(${objects} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages) # also for the test that is linked with it
    target_compile_features(${objects} PUBLIC cxx_std_20)
  endif()

  set(plugin nek-${arg_KIND}-${arg_NAME})
  add_library(${plugin} MODULE)
  target_link_libraries(${plugin} PRIVATE ${objects})
  target_link_options(${plugin} PRIVATE "LINKER:--version-script=${NEK_PLUGIN_MAP}")
  if(NOT NEK_SANITIZE) # the sanitizers' symbols are the executable's
    target_link_options(${plugin} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${plugin} PROPERTIES
    PREFIX ""
    LINK_DEPENDS "${NEK_PLUGIN_MAP}"
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
  install(TARGETS ${plugin} LIBRARY DESTINATION "${NEK_PLUGIN_INSTALL_DIR}")

  if(COMMAND nek_add_plugin_tests) # not out of tree
    nek_add_plugin_tests(${arg_KIND} ${arg_NAME} ${objects})
  endif()
endfunction()
