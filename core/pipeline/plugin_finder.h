// SPDX-License-Identifier: Apache-2.0
// PluginFinder: what validation asks about plugins; the registry answers it, tests answer with their own structs.
// Implementations are read-only while they are used; any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"

namespace nek {

enum class PluginKind : uint8_t { kInput, kDecoder, kFilter, kEncoder, kOutput };
const char* kind_name(PluginKind kind);  // "input" ...

class PluginFinder {
 public:
  virtual ~PluginFinder() = default;
  virtual const nek_plugin* find(PluginKind kind, std::string_view name) const = 0;  // NULL: none
  virtual std::vector<std::string> names(PluginKind kind) const = 0;                 // sorted
};

}  // namespace nek
