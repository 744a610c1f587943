# SPDX-License-Identifier: Apache-2.0
# Every library that nek uses, and the Debian package it comes in; docs/dependencies.md says why.
include_guard()

macro(nek_find what debian_package)
  find_package(${what} ${ARGN} QUIET)
  if(NOT ${what}_FOUND)
    message(FATAL_ERROR "nek needs ${what}. Install the Debian package ${debian_package}, or run "
                        "scripts/setup, which installs all that nek needs.")
  endif()
endmacro()

# For libraries without a CMake package: target PkgConfig::NAME.
macro(nek_find_pkgconfig name module debian_package)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "nek needs ${module}. Install the Debian package ${debian_package}, or run "
                        "scripts/setup, which installs all that nek needs.")
  endif()
endmacro()

nek_find(PkgConfig pkgconf)
nek_find(Threads libc6-dev)
nek_find(yaml-cpp libyaml-cpp-dev)                # target yaml-cpp
nek_find(nlohmann_json nlohmann-json3-dev 3.11)   # nlohmann_json::nlohmann_json
nek_find(spdlog libspdlog-dev)                    # spdlog::spdlog
nek_find(CLI11 libcli11-dev)                      # CLI11::CLI11
nek_find_pkgconfig(xxhash libxxhash libxxhash-dev)           # PkgConfig::xxhash
nek_find_pkgconfig(maxminddb libmaxminddb libmaxminddb-dev)  # PkgConfig::maxminddb
nek_find_pkgconfig(isal libisal libisal-dev)                 # PkgConfig::isal
nek_find_pkgconfig(zstd libzstd libzstd-dev)                 # PkgConfig::zstd
nek_find_pkgconfig(curl libcurl libcurl4-openssl-dev)        # PkgConfig::curl
nek_find_pkgconfig(rdkafka rdkafka librdkafka-dev)           # PkgConfig::rdkafka
nek_find(BZip2 libbz2-dev)                                   # BZip2::BZip2

if(NEK_TESTS)
  nek_find(Catch2 catch2 2.13) # Catch2::Catch2WithMain
  include(Catch)
  nek_find(Python3 python3 COMPONENTS Interpreter)
endif()
find_package(benchmark QUIET) # bench/ is left out without it (libbenchmark-dev)
