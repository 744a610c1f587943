# SPDX-License-Identifier: Apache-2.0
# How tests are declared: Catch2, libFuzzer and Python. Not installed.
include_guard()

set(NEK_FUZZ_SECONDS 60 CACHE STRING "How long ctest runs each fuzz target")
# The same inputs in each run on a fresh corpus: what CI finds was there, and is found again.
set(NEK_FUZZ_SEED 1 CACHE STRING "Of what fuzz targets try; 0: other inputs in each run")
add_custom_target(fuzzers)

# nek_add_test(NAME graph SOURCES graph_test.cpp LIBS nek_core): program graph_test, and one ctest
# test for each test case, named "graph: what the case says". A name with a semicolon fails: CMake
# would cut it in two.
function(nek_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;PREFIX" "SOURCES;LIBS")
  if(NOT arg_PREFIX)
    set(arg_PREFIX "${arg_NAME}")
  endif()
  add_executable(${arg_NAME}_test ${arg_SOURCES})
  target_link_libraries(${arg_NAME}_test PRIVATE nek::sdk ${arg_LIBS} Catch2::Catch2WithMain)
  target_include_directories(${arg_NAME}_test PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  # Of the test's own code alone, which takes longer to optimise than to run.
  target_compile_options(${arg_NAME}_test PRIVATE -O0)
  catch_discover_tests(${arg_NAME}_test
    TEST_PREFIX "'${arg_PREFIX}: '" # quoted: CMake drops a trailing space otherwise
    EXTRA_ARGS -w NoTests           # a name that matches no case must not pass
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
endfunction()

# nek_add_fuzz(NAME document SOURCES fuzz_document.cpp LIBS nek_core): target fuzz_document, in the
# fuzz preset only. ctest runs it for NEK_FUZZ_SECONDS on the corpus in the build folder, which
# grows, and on corpus_NAME beside the sources, where there is one.
function(nek_add_fuzz)
  if(NOT NEK_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBS")
  set(target fuzz_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE nek::sdk ${arg_LIBS})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${target})

  set(grown "${CMAKE_CURRENT_BINARY_DIR}/corpus_${arg_NAME}")
  file(MAKE_DIRECTORY "${grown}")
  set(corpus "${grown}")
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/corpus_${arg_NAME}")
    list(APPEND corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus_${arg_NAME}")
  endif()
  add_test(NAME ${target}
    COMMAND ${target} -seed=${NEK_FUZZ_SEED} -max_total_time=${NEK_FUZZ_SECONDS}
            -rss_limit_mb=2048 ${corpus})
  set_tests_properties(${target} PROPERTIES LABELS fuzz)
endfunction()

# nek_add_python_test(NAME FILE [IN_PROCESS]): a unittest file, run by the Python of build/venv
# (scripts/setup --tests makes it) or else the system's. IN_PROCESS: it loads our code by ctypes, so
# Python needs the sanitizer's run-time, and its own leaks are not ours.
function(nek_add_python_test name file)
  set(python "${PROJECT_SOURCE_DIR}/build/venv/bin/python")
  if(NOT EXISTS "${python}")
    set(python "${Python3_EXECUTABLE}")
  endif()
  cmake_path(ABSOLUTE_PATH file)
  add_test(NAME "${name}" COMMAND "${python}" -B "${file}" -v)
  set(environment
    "NEK_BIN=${PROJECT_BINARY_DIR}/nek"
    "NEK_PLUGIN_DIR=${PROJECT_BINARY_DIR}/plugins"
    "NEK_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "NEK_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "NEK_PYTHON=${python}")
  if(NEK_SANITIZE AND "IN_PROCESS" IN_LIST ARGN)
    nek_sanitizer_runtimes(runtimes)
    list(APPEND environment "LD_PRELOAD=${runtimes}" "ASAN_OPTIONS=detect_leaks=0")
  endif()
  set_tests_properties("${name}" PROPERTIES ENVIRONMENT "${environment}")
endfunction()

# gcc's, for LD_PRELOAD. libstdc++ too: the run-time looks __cxa_throw up when it starts.
function(nek_sanitizer_runtimes result)
  set(libraries libstdc++.so)
  if(NEK_SANITIZE STREQUAL "thread")
    list(PREPEND libraries libtsan.so)
  else()
    list(PREPEND libraries libasan.so libubsan.so)
  endif()
  set(paths)
  foreach(library IN LISTS libraries)
    execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -print-file-name=${library}
      OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND paths "${path}")
  endforeach()
  list(JOIN paths ":" paths)
  set(${result} "${paths}" PARENT_SCOPE)
endfunction()

# Called by nek_add_plugin: the tests of a plugin's own folder.
function(nek_add_plugin_tests kind name objects)
  file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/*_test.cpp")
  if(tests)
    nek_add_test(NAME ${kind}_${name} PREFIX "${kind} ${name}" SOURCES ${tests} LIBS ${objects})
  endif()
  file(GLOB fuzzers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/fuzz_*.cpp")
  foreach(source IN LISTS fuzzers)
    cmake_path(GET source STEM stem)
    string(REGEX REPLACE "^fuzz_" "" stem "${stem}")
    nek_add_fuzz(NAME ${kind}_${name}_${stem} SOURCES "${source}" LIBS ${objects})
  endforeach()
endfunction()
