# SPDX-License-Identifier: Apache-2.0
# How everything in this repository is compiled. What a plugin needs wherever it is built stands in
# NekPlugin.cmake instead, because out-of-tree authors use only that.
include_guard()

set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_compile_options(-Wall -Wextra -fno-omit-frame-pointer)
add_compile_definitions($<$<NOT:$<CONFIG:Release>>:_GLIBCXX_ASSERTIONS>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc 12 warns falsely about "literal" + std::string (gcc bug 105651).
  add_compile_options(-Wno-restrict)
else()
  # clang reports what gcc 12's own library does in std::stable_sort.
  add_compile_options(-Wno-deprecated-declarations)
endif()

if(NEK_SANITIZE)
  add_compile_options(-fsanitize=${NEK_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NEK_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized) # false with instrumented code, says gcc's manual
  endif()
endif()
if(NEK_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(NEK_CCACHE ccache)
if(NEK_CCACHE)
  foreach(language C CXX)
    if(NOT DEFINED CMAKE_${language}_COMPILER_LAUNCHER)
      set(CMAKE_${language}_COMPILER_LAUNCHER "${NEK_CCACHE}")
    endif()
  endforeach()
endif()
